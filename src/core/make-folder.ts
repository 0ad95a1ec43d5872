/** Creates a folder durably, so that a power cut cannot lose it and its content. */

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
