/** A lock between processes that the kernel releases when its holder dies: SQLite's lock on an empty file. */

import { statSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { makeFile } from '../../../core/private-files.ts';
import { storageFault } from './storage-fault.ts';

/**
 * @param path the lock file, created with mode 0600 if missing. Remove it only while holding the lock
 * @returns a function that releases the lock; undefined if another process or thread holds it
 * @throws what node:fs or SQLite throws
 */
export function lockFile(path: string): (() => void) | undefined {
  makeFile(path);
  const inode = inodeOf(path);
  const lock = new Sqlite(path, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    // The last holder may have removed the file after this process opened it.
    if (inodeOf(path) === inode) return () => lock.close();
    lock.close();
    return undefined;
  } catch (error) {
    lock.close();
    if (storageFault(error) === 'busy') return undefined;
    throw error;
  }
}

/** The lock of what replaces tables of this database: see lockFile(). */
export function lockRebuild(databasePath: string): (() => void) | undefined {
  return lockFile(`${databasePath}-rebuild`);
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
