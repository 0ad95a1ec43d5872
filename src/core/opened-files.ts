/**
 * Tells whether the files of an open database are still those behind its path. SQLite goes on writing to a file that
 * somebody has moved, replaced or deleted, where nobody would look for events.
 */

import { statSync } from 'node:fs';

/** What the database was opened with is not behind its path any more. */
export class FileMoved extends Error {
  override name = 'FileMoved';
  /** Another process has made a side file of its own for the same database and may be writing to both. */
  readonly isShared: boolean;

  constructor(path: string, isShared: boolean, cause?: Error) {
    const what = cause === undefined ? 'was moved, replaced or deleted' : 'could not be looked at any more';
    super(`${path} ${what} while it was open`, { cause });
    this.isShared = isShared;
  }
}

const SUFFIXES = ['-shm', '-wal', ''];

/**
 * @param databasePath just opened, in WAL mode
 * @returns looks again, which takes about 10 µs, and throws FileMoved
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
 * While a file is open no other one has the same numbers.
 * @throws FileMoved too where the path cannot be looked at: nobody would find the events there
 */
function fileBehind(path: string): string | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found && `${found.dev}:${found.ino}`;
  } catch (error) {
    throw new FileMoved(path, false, error as Error);
  }
}
