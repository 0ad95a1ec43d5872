/** Classifies SQLite's errors, and turns them into the errors that leave this engine. */

import Database from 'better-sqlite3';
import { EngineError, type EngineErrorKind, errorText } from '../../../core/engine-error.ts';
import { FileMoved } from './opened-files.ts';

/** The faults that SQLite has of those in core/engine-error.ts; `other`: not a storage fault. */
export type StorageFault = Extract<EngineErrorKind, 'full' | 'busy' | 'lost'> | 'other';

/** @param error anything thrown by or around a call to better-sqlite3 */
export function storageFault(error: unknown): StorageFault {
  if (error instanceof FileMoved) return 'lost';
  if (error instanceof EngineError)
    return error.kind === 'full' || error.kind === 'busy' || error.kind === 'lost' ? error.kind : 'other';
  if (!(error instanceof Database.SqliteError)) return 'other';
  // The WAL index could not grow, so nothing was written. After other I/O errors the outcome is unknown.
  if (error.code === 'SQLITE_IOERR_SHMSIZE') return 'full';
  const [, code = ''] = error.code.split('_');
  if (code === 'FULL') return 'full';
  if (code === 'BUSY' || code === 'LOCKED' || code === 'PROTOCOL') return 'busy';
  return ['IOERR', 'CORRUPT', 'NOTADB', 'READONLY', 'CANTOPEN', 'NOMEM'].includes(code) ? 'lost' : 'other';
}

/** One line for an operator: the error's message and code. */
export function faultText(error: unknown): string {
  return error instanceof Database.SqliteError ? `${error.message} (${error.code})` : errorText(error);
}

/** An EngineError for an error of SQLite or of a file; anything else, a defect of this program, stays what it is. */
export function engineError(error: unknown): unknown {
  if (error instanceof FileMoved) return new EngineError('lost', error.message, { cause: error });
  if (isFileError(error)) {
    const kind = error.code === 'ENOSPC' ? 'full' : 'refused';
    return new EngineError(kind, error.message, { code: error.code, cause: error });
  }
  if (!(error instanceof Database.SqliteError)) return error;
  const fault = storageFault(error);
  const kind = fault === 'other' ? 'statement' : fault;
  return new EngineError(kind, faultText(error), { code: error.code, cause: error });
}

/** Whether node:fs has thrown it. */
function isFileError(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

/** Runs `work` at the edge of this engine. @throws engineError() of what `work` throws */
export async function atEdge<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw engineError(error);
  }
}
