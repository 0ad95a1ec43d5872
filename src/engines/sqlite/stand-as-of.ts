/** Gives a connection the tables as of an earlier event. Writes nothing to the file. */

import type { Database } from 'better-sqlite3';
import type { Projection } from '../../core/tables/projection.ts';
import { TemporaryTables } from './rebuild/temporary-tables.ts';

/**
 * Folds the events up to `seq` into temporary tables. Afterwards `events`, `failures` and the projections' tables show
 * that moment on this connection; views in the file still show the live tables.
 * @param database a separate connection, which may be read-only
 * @param seq the last event to include, which must be in the log
 * @throws Error if the log cannot be read up to there, and what SQLite throws
 */
export function standAsOf(
  database: Database,
  projections: readonly Projection[],
  seq: number,
  onProgress: (done: number, total: number) => void = () => {},
): void {
  new TemporaryTables(database, projections, { withUnfolded: true, onProgress }).fold(seq);
  database.exec(`CREATE TEMP VIEW events AS SELECT * FROM main.events WHERE seq <= ${seq}`);
}
