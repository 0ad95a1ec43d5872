/** Classifies SQLite's errors, and turns them into the errors that leave this engine. */

import Database from 'better-sqlite3';
import { EngineError, errorText } from '../../../core/engine-error.ts';
import { FileMoved } from './opened-files.ts';

/**
 * - `full`, `busy`: nothing was written; the sender should send again; the process continues.
 * - `lost`: the file or the disk cannot be trusted (a failed fsync's outcome is unknown). The process must end
 *   without touching the handle again.
 * - `other`: not a storage fault.
 */
export type StorageFault = 'full' | 'busy' | 'lost' | 'other';

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

/** An EngineError for an error of SQLite; anything else, such as a defect of this program, stays what it is. */
export function engineError(error: unknown): unknown {
  if (error instanceof FileMoved) return new EngineError('lost', error.message, { cause: error });
  if (!(error instanceof Database.SqliteError)) return error;
  const fault = storageFault(error);
  const kind = fault === 'other' ? 'statement' : fault;
  return new EngineError(kind, faultText(error), { code: error.code, cause: error });
}

/** Runs `work` at the edge of this engine. @throws engineError() of what `work` throws */
export async function atEdge<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw engineError(error);
  }
}
