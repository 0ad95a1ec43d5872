/** A lock between processes that the kernel frees when its holder dies: SQLite's own, on an empty file. */

import Sqlite from 'better-sqlite3';
import { makeFile } from './make-file.ts';
import { storageFault } from './storage-fault.ts';

/**
 * @param path made if it is missing, 0600; it stays
 * @returns a function that frees the lock; undefined: another process, or another thread of this one, has it
 * @throws what node:fs or SQLite throws
 */
export function lockFile(path: string): (() => void) | undefined {
  makeFile(path);
  const lock = new Sqlite(path, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return () => lock.close();
  } catch (error) {
    lock.close();
    if (storageFault(error) === 'busy') return undefined;
    throw error;
  }
}
