/**
 * Shows a connection the tables as the log stood once: folds the events up to then into temporary tables, which take the
 * names of the live ones on this connection alone. Writes nothing to the file.
 */

import type { Database } from 'better-sqlite3';
import { EventLog } from './event-log.ts';
import { foldRange, makeTables, unreadable } from './folding.ts';
import { REBUILD_FOLD_EVENTS } from './limits.ts';
import type { Projection } from './projection.ts';

/**
 * Reads the log in pieces, so that no long reading keeps the WAL from starting over. Afterwards `events`, `failures` and
 * the projections' tables are those of that moment; views of the file still show the live ones.
 * @param database a connection of its own, which may be one that only reads
 * @param seq the last event that counts, which must be in the log
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
