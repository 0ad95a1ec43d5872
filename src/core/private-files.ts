/** Creates files and folders that only this user can access, and makes them durable. */

import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Creates a folder and its parents (0700) if they are missing. On return their names survive a power cut.
 * @throws what node:fs throws
 */
export function makeFolder(path: string): void {
  const folder = resolve(path);
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 }) ?? folder;
  // A name is durable once its parent folder is fsynced. SQLite does that for the files in this folder, but not for the
  // folder itself. Do it even if the folder exists: the process that created it may have died before its fsync.
  for (let made = folder; made.length >= first.length; made = dirname(made)) {
    syncFolder(dirname(made));
    if (made === dirname(made)) return;
  }
}

/**
 * Creates an empty file (0600) if it is missing. An existing file is not opened, because closing the descriptor would
 * drop the locks that SQLite holds on it in this process.
 * @throws what node:fs throws
 */
export function makeFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Makes the content of a file survive a power cut. SQLite must not have it open. @throws what node:fs throws */
export function syncFile(path: string): void {
  const descriptor = openSync(path, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Makes the names in a folder survive a power cut.
 * @throws only EIO: a name may be lost. Other errors mean that the user cannot read the folder or that the file system
 *   does not support this fsync
 */
export function syncFolder(path: string): void {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    fsyncSync(descriptor);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EIO') throw error;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
