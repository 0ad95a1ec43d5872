/**
 * Tables folded from the log into the temporary database of one connection, which may be read-only. SQLite keeps that
 * database in a separate temporary file and removes it with the connection. On this connection these tables hide the
 * live tables of the same names, which can still be reached as `main.…`.
 */

import type { Database } from 'better-sqlite3';
import { WRITER_STAGE } from '../../../core/event/recorded-event.ts';
import { BATCH_BYTES_MAX, REBUILD_FOLD_EVENTS } from '../../../core/limits.ts';
import { foldRange, unreadable } from '../../../core/tables/folding.ts';
import type { Projection } from '../../../core/tables/projection.ts';
import { failuresTable } from '../file/schema.ts';
import { EventLog } from '../log/event-log.ts';
import { type AddFailure, createTableSql, ProjectionTable } from '../log/projection-table.ts';
import { readingPauses } from '../log/reading-pauses.ts';

export interface TemporaryTablesOptions {
  /** Whether to fold events that were appended without being folded. The live tables do not have them. */
  readonly withUnfolded: boolean;
  readonly onProgress: (done: number, total: number) => void;
}

export class TemporaryTables {
  readonly #database: Database;
  readonly #log: EventLog;
  readonly #tables: readonly ProjectionTable[];
  readonly #addFailure: AddFailure;
  readonly #options: TemporaryTablesOptions;
  readonly #pause: () => void;
  #folded = 0;

  /** Creates `temp.failures` and an empty table for each projection. */
  constructor(database: Database, projections: readonly Projection[], options: TemporaryTablesOptions) {
    this.#database = database;
    this.#log = new EventLog(database);
    this.#options = options;
    this.#pause = readingPauses(database);
    this.#tables = projections.map((projection) => {
      const name = `temp.${projection.name}`;
      database.exec(createTableSql(projection, name));
      return new ProjectionTable(database, projection, name);
    });
    database.pragma('temp.journal_mode = MEMORY'); // a journal file would double the writing
    database.exec(failuresTable('temp.failures'));
    const insert = database.prepare('INSERT INTO temp.failures (seq, stage, error) VALUES (?, ?, ?)');
    this.#addFailure = (...failure) => void insert.run(...failure);
  }

  /** The last event that the tables reflect. */
  get folded(): number {
    return this.#folded;
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
   * @throws Error if the log cannot be read up to there, and what SQLite throws
   */
  fold(upTo: number): void {
    const foldPiece = this.#database.transaction(() => this.#foldPiece(upTo));
    while (this.#folded < upTo) {
      foldPiece();
      this.#pause();
      this.#options.onProgress(this.#folded, upTo);
    }
  }

  #foldPiece(upTo: number): void {
    const from = this.#folded;
    const { withUnfolded } = this.#options;
    let bytes = 0;
    do {
      const range = foldRange(this.#log, this.#folded, upTo, this.#tables, this.#addFailure, withUnfolded);
      if (range.seq === this.#folded) throw unreadable(range.seq, upTo);
      this.#folded = range.seq;
      bytes += range.bytes;
    } while (this.#folded < upTo && this.#folded - from < REBUILD_FOLD_EVENTS && bytes < BATCH_BYTES_MAX);
    for (const table of this.#tables) table.write(this.#addFailure);
  }
}
