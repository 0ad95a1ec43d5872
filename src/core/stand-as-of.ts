/**
 * Shows a connection the tables as the log stood once: folds the events up to then into temporary tables, which take the
 * names of the live ones on this connection alone. Writes nothing to the file.
 */

import type { Database } from 'better-sqlite3';
import { readBody } from './event.ts';
import { EventLog } from './event-log.ts';
import { foldEvent } from './fold-event.ts';
import { LOG_RANGE_EVENTS, REBUILD_FOLD_EVENTS } from './limits.ts';
import type { Projection } from './projection.ts';
import { type AddFailure, createTableSql, ProjectionTable } from './projection-table.ts';
import { failuresTable } from './schema.ts';

/**
 * Reads the log in pieces, so that no long reading keeps the WAL from starting over. Afterwards `events`, `failures` and
 * the projections' tables are those of that moment; views of the file still show the live ones.
 * @param database a connection of its own, which may be one that only reads
 * @param seq the last event that counts
 */
export function standAsOf(
  database: Database,
  projections: readonly Projection[],
  seq: number,
  onProgress: (done: number, total: number) => void = () => {},
): void {
  const log = new EventLog(database);
  for (const projection of projections) database.exec(createTableSql(projection, `temp.${projection.name}`));
  database.exec(failuresTable('temp.failures'));
  const tables = projections.map(
    (projection) => new ProjectionTable(database, projection, `temp.${projection.name}`),
  );
  const addFailure = database.prepare('INSERT INTO temp.failures (seq, stage, error) VALUES (?, ?, ?)');
  const note: AddFailure = (...failure) => void addFailure.run(...failure);

  const foldPiece = database.transaction((after: number, upTo: number) => {
    for (let done = after; done < upTo; ) {
      for (const recorded of log.range(done, upTo, LOG_RANGE_EVENTS)) {
        foldEvent(readBody(recorded.body, recorded.eventHeader), recorded, tables, note);
        done = recorded.seq;
      }
    }
    for (const table of tables) table.write(note);
  });
  for (let done = 0; done < seq; ) {
    const upTo = Math.min(seq, done + REBUILD_FOLD_EVENTS);
    foldPiece(done, upTo);
    done = upTo;
    onProgress(done, seq);
  }
  database.exec(`CREATE TEMP VIEW events AS SELECT * FROM main.events WHERE seq <= ${seq}`);
}
