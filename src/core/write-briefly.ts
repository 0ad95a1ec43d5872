/** Writing beside a server without starving it: short transactions, and pauses as long while it writes. SQLite is not fair. */

import type { Database } from 'better-sqlite3';
import { REBUILD_ALONE_MS, REBUILD_ROWS_FIRST, REBUILD_ROWS_MIN, REBUILD_TRANSACTION_MS } from './limits.ts';
import type { WriteTransactions } from './write-transactions.ts';

const TRANSACTIONS_PER_CHECKPOINT = 4;

/** Does up to `limit` pieces of work. @returns how many it did; 0 ends the repetition */
export type Work = (limit: number) => number;

/**
 * Runs one piece of work in a write transaction of about REBUILD_TRANSACTION_MS, then pauses as long; where nobody else
 * has written since the last one, of REBUILD_ALONE_MS, with the shortest of pauses. The next one's size follows from
 * the time that this one took.
 */
export function brieflyWriting(
  database: Database,
  transactions: WriteTransactions,
  pause: (ms: number) => Promise<void>,
  monotonicMs: () => number,
) {
  let limit = REBUILD_ROWS_FIRST;
  let sinceCheckpoint = 0;
  let version: unknown;
  const dataVersion = database.prepare('PRAGMA data_version').pluck();
  return async (work: Work): Promise<number> => {
    let startMs = 0;
    let isAlone = false;
    const done = transactions.run(() => {
      startMs = monotonicMs(); // the wait for the lock is no work
      const before = version;
      version = dataVersion.get();
      isAlone = version === before;
      return work(limit);
    });
    const tookMs = Math.max(0.1, monotonicMs() - startMs);
    const wantedMs = isAlone ? REBUILD_ALONE_MS : REBUILD_TRANSACTION_MS;
    if (done > 0) limit = clamp((done * wantedMs) / tookMs, REBUILD_ROWS_MIN, 2 * limit);
    sinceCheckpoint += 1;
    if (sinceCheckpoint === TRANSACTIONS_PER_CHECKPOINT) {
      sinceCheckpoint = 0;
      database.pragma('wal_checkpoint(PASSIVE)'); // or the server's writer finds our whole copy in the WAL
    }
    await pause(isAlone ? 0 : Math.ceil(tookMs));
    return done;
  };
}

function clamp(value: number, min: number, max: number): number {
  return Math.round(Math.min(max, Math.max(min, value)));
}

export type Briefly = ReturnType<typeof brieflyWriting>;
