/** Makes an empty file for this user alone. */

import { closeSync, openSync } from 'node:fs';

/**
 * Makes the file, 0600, where it is missing. One that is there is not even opened: closing a descriptor would drop the
 * locks that SQLite holds on it in this process.
 * @throws what node:fs throws
 */
export function makeFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
