/**
 * Pauses of a long reading. A WAL can start over only at a moment when nobody reads it. A reader that begins its next read
 * right after the last would keep it growing as surely as one long snapshot.
 */

import type { Database } from 'better-sqlite3';
import { READ_PAUSE_MS, READ_STINT_MS } from '../../../core/limits.ts';
import { blockThread } from '../file/block-thread.ts';
import { dataVersion } from '../file/statement.ts';

/**
 * @param database the reading connection
 * @returns a function to call between reads. It blocks the thread for READ_PAUSE_MS once READ_STINT_MS have passed,
 *   unless no other connection has written meanwhile, or the caller has a transaction open
 */
export function readingPauses(database: Database): () => void {
  let startMs = performance.now();
  let lastVersion: unknown;
  return () => {
    if (database.inTransaction || performance.now() - startMs < READ_STINT_MS) return;
    const version = dataVersion(database);
    if (version !== lastVersion) blockThread(READ_PAUSE_MS);
    lastVersion = version;
    startMs = performance.now();
  };
}
