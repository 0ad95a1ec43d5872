/** Creates an empty file that only this user can access. */

import { closeSync, openSync } from 'node:fs';

/**
 * Creates the file with mode 0600 if it is missing. An existing file is not opened, because closing the descriptor
 * would drop the locks that SQLite holds on it in this process.
 * @throws what node:fs throws
 */
export function makeFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
