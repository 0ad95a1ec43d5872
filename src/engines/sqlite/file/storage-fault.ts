/**
 * Classifies SQLite errors: wait and retry, or stop using the file.
 */

import Database from 'better-sqlite3';
import { LogDamaged } from '../log/event-log.ts';
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
  if (error instanceof FileMoved || error instanceof LogDamaged) return 'lost';
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
  try {
    if (error instanceof Database.SqliteError) return `${error.message} (${error.code})`;
    return error instanceof Error ? String(error.message) : String(error);
  } catch {
    return 'an error without a message'; // a user's code may throw anything
  }
}
