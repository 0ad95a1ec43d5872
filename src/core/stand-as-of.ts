/** Shows a connection the tables as the log stood once. Writes nothing to the file. */

import type { Database } from 'better-sqlite3';
import type { Projection } from './projection.ts';
import { TemporaryTables } from './temporary-tables.ts';

/**
 * Folds the events up to then into temporary tables. Afterwards `events`, `failures` and the projections' tables are
 * those of that moment on this connection; views of the file still show the live ones.
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
  new TemporaryTables(database, projections, { withUnfolded: true, onProgress }).fold(seq);
  database.exec(`CREATE TEMP VIEW events AS SELECT * FROM main.events WHERE seq <= ${seq}`);
}
