/** Makes a folder in such a way that a power cut cannot take it away again, with all that lies in it. */

import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder (0700), and those above it, where they are missing. On return their names outlive a power cut.
 * @throws what node:fs throws
 */
export function makeFolder(path: string): void {
  const folder = resolve(path);
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 }) ?? folder;
  // A name lasts once its folder is fsynced. SQLite does that for the files in this folder, but not for the folder
  // itself. Also when nothing was made: whoever made it may have died before its fsync.
  for (let made = folder; made.length >= first.length; made = dirname(made)) {
    syncFolder(dirname(made));
    if (made === dirname(made)) return;
  }
}

/**
 * Makes the names in a folder outlive a power cut.
 * @throws EIO alone: a name may be lost. Other codes: not readable for this user, no such fsync on this file system
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
