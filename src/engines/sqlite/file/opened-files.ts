/**
 * Checks whether the files of an open database are still the ones at its path. SQLite keeps writing to a file that has
 * been moved, replaced or deleted, and nobody would look for events there.
 */

import { statSync } from 'node:fs';
import { EngineError } from '../../../core/engine-error.ts';

/** A file of the open database is no longer at its path, so the database is lost. */
export class FileMoved extends EngineError {
  /** Whether another process has created its own side file for the same database and may be writing to both. */
  readonly isShared: boolean;

  constructor(path: string, isShared: boolean, cause?: Error) {
    const what = cause === undefined ? 'was moved, replaced or deleted' : 'could no longer be checked';
    super('lost', `${path} ${what} while it was open`, { cause });
    this.isShared = isShared;
  }
}

const SUFFIXES = ['-shm', '-wal', ''];

/**
 * @param databasePath just opened, in WAL mode
 * @returns a function that checks again, which takes about 10 µs, and throws FileMoved
 */
export function openedFiles(databasePath: string): () => void {
  const opened = SUFFIXES.map((suffix) => fileBehind(databasePath + suffix));
  return () => {
    for (const [index, suffix] of SUFFIXES.entries()) {
      const found = fileBehind(databasePath + suffix);
      if (found !== opened[index])
        throw new FileMoved(databasePath + suffix, suffix !== '' && found !== undefined);
    }
  };
}

/**
 * Identifies a file by numbers that no other file can have while this one is open.
 * @throws FileMoved also if the path cannot be checked: nobody would find the events there
 */
function fileBehind(path: string): string | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found && `${found.dev}:${found.ino}`;
  } catch (error) {
    throw new FileMoved(path, false, error as Error);
  }
}
