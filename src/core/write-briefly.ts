/** Writing beside a server without starving it: short transactions, and pauses as long while it writes. SQLite is not fair. */

import type { Database } from 'better-sqlite3';
import { REBUILD_ROWS_FIRST, REBUILD_TRANSACTION_MS } from './limits.ts';

const TRANSACTIONS_PER_CHECKPOINT = 50;

/** Does up to `limit` pieces of work. @returns how many it did; 0 ends the repetition */
export type Work = (limit: number) => number;

/**
 * Runs one piece of work in a write transaction of about REBUILD_TRANSACTION_MS, then pauses as long if another
 * connection has written since the last. The next one's size follows from the time that this one took.
 */
export function brieflyWriting(
  database: Database,
  pause: (ms: number) => Promise<void>,
  monotonicMs: () => number,
) {
  let limit = REBUILD_ROWS_FIRST;
  let sinceCheckpoint = 0;
  let version: unknown;
  const dataVersion = database.prepare('PRAGMA data_version').pluck();
  const write = database.transaction((work: Work) => {
    const before = version;
    version = dataVersion.get();
    return { done: work(limit), isAlone: version === before };
  });
  return async (work: Work): Promise<number> => {
    const startMs = monotonicMs();
    const { done, isAlone } = write.immediate(work);
    const tookMs = Math.max(0.1, monotonicMs() - startMs);
    limit = Math.min(5000, Math.max(10, Math.round((limit * REBUILD_TRANSACTION_MS) / tookMs)));
    sinceCheckpoint += 1;
    if (sinceCheckpoint === TRANSACTIONS_PER_CHECKPOINT) {
      sinceCheckpoint = 0;
      database.pragma('wal_checkpoint(PASSIVE)'); // or the server's writer finds our whole copy in the WAL
    }
    await pause(isAlone ? 0 : Math.max(REBUILD_TRANSACTION_MS, Math.ceil(tookMs)));
    return done;
  };
}

export type Briefly = ReturnType<typeof brieflyWriting>;
