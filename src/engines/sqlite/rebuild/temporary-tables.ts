/** Side tables in the temporary database of one connection, folded in short reads. Writes nothing to the database file. */

import type { Database } from 'better-sqlite3';
import type { OnProgress } from '../../../core/engine/engine.ts';
import { WRITER_STAGE } from '../../../core/event/recorded-event.ts';
import type { Projection } from '../../../core/tables/projection.ts';
import { EventLog } from '../log/event-log.ts';
import { readingPauses } from '../log/reading-pauses.ts';
import { SideTables } from './side-tables.ts';

export interface TemporaryTablesOptions {
  /** Whether to fold events that were appended without being folded. The live tables do not have them. */
  readonly withUnfolded: boolean;
  readonly onProgress: OnProgress;
}

export class TemporaryTables {
  readonly #database: Database;
  readonly #tables: SideTables;
  readonly #onProgress: OnProgress;
  readonly #pause: () => void;

  constructor(
    database: Database,
    projections: readonly Projection[],
    { withUnfolded, onProgress }: TemporaryTablesOptions,
  ) {
    this.#database = database;
    this.#onProgress = onProgress;
    this.#pause = readingPauses(database);
    database.pragma('temp.journal_mode = MEMORY'); // a journal file would double the writing
    const nameOf = (table: string) => `temp.${table}`;
    this.#tables = new SideTables({
      database,
      log: new EventLog(database),
      projections,
      nameOf,
      withUnfolded,
    });
  }

  /** The last event that the tables reflect. */
  get folded(): number {
    return this.#tables.folded;
  }

  /** The events that were left out because they were not folded when they were appended. */
  unfolded(): number[] {
    const find = this.#database.prepare<[string], number>(
      'SELECT seq FROM temp.failures WHERE stage = ? ORDER BY seq',
    );
    return find.pluck().all(WRITER_STAGE);
  }

  /**
   * Folds the events up to `upTo` in pieces. Unless the caller has a transaction open, each piece is a short read, so
   * that the WAL can start over in between.
   * @throws EngineError if the log cannot be read up to there, and what SQLite throws
   */
  fold(upTo: number): void {
    const foldPiece = this.#database.transaction(() => {
      while (this.#tables.fold(upTo));
      while (this.#tables.write() > 0);
    });
    while (this.folded < upTo) {
      foldPiece();
      this.#pause();
      this.#onProgress(this.folded, upTo);
    }
  }
}

/**
 * Folds the events up to `seq` into temporary tables. Afterwards `events`, `failures` and the projections' tables show
 * that moment on this connection; views in the file still show the live tables.
 * @param database a separate connection, which may be read-only
 * @param seq the last event to include, which must be in the log
 * @throws EngineError if the log cannot be read up to there, and what SQLite throws
 */
export function standAsOf(
  database: Database,
  projections: readonly Projection[],
  seq: number,
  onProgress: OnProgress,
): void {
  new TemporaryTables(database, projections, { withUnfolded: true, onProgress }).fold(seq);
  database.exec(`CREATE TEMP VIEW events AS SELECT * FROM main.events WHERE seq <= ${seq}`);
}
