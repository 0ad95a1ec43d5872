/**
 * Gives a connection the tables as of an earlier event: folds the events up to it into temporary tables, which shadow
 * the live ones on this connection only. Writes nothing to the file.
 */

import type { Database } from 'better-sqlite3';
import { EventLog } from './event-log.ts';
import { foldRange, makeTables, unreadable } from './folding.ts';
import { REBUILD_FOLD_EVENTS } from './limits.ts';
import type { Projection } from './projection.ts';

/**
 * Reads the log in pieces, so that no long read keeps the WAL from starting over. Afterwards `events`, `failures` and
 * the projections' tables show that moment; views in the file still show the live tables.
 * @param database a separate connection, which may be read-only
 * @param seq the last event to include, which must be in the log
 * @throws Error if the log cannot be read up to it, and what SQLite throws
 */
export function standAsOf(
  database: Database,
  projections: readonly Projection[],
  seq: number,
  onProgress: (done: number, total: number) => void = () => {},
): void {
  const log = new EventLog(database);
  const { tables, addFailure } = makeTables(database, 'temp', projections);
  const foldPiece = database.transaction((after: number, upTo: number) => {
    for (let done = after; done < upTo; ) {
      const range = foldRange(log, done, upTo, tables, addFailure);
      if (range.seq === done) throw unreadable(done, seq);
      done = range.seq;
    }
    for (const table of tables) table.write(addFailure);
  });
  for (let done = 0; done < seq; ) {
    const upTo = Math.min(seq, done + REBUILD_FOLD_EVENTS);
    foldPiece(done, upTo);
    done = upTo;
    onProgress(done, seq);
  }
  database.exec(`CREATE TEMP VIEW events AS SELECT * FROM main.events WHERE seq <= ${seq}`);
}
