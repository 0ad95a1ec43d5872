/**
 * Tables folded from the log beside the live ones: under other names for a rebuild, which swaps them in, or in SQLite's
 * temporary database for comparisons and views of the past. The temporary database is a file of its own, which SQLite
 * removes with the connection, so that connection may be read-only; there it hides the live tables of the same names.
 */

import type { Database } from 'better-sqlite3';
import type { OnProgress } from '../../../core/engine/engine.ts';
import { refused } from '../../../core/engine-error.ts';
import type { Failure } from '../../../core/event/recorded-event.ts';
import { BATCH_BYTES_MAX, REBUILD_FOLD_EVENTS } from '../../../core/limits.ts';
import { IRISX } from '../../../core/packaging.ts';
import type { Projection } from '../../../core/tables/projection.ts';
import { openReadOnly } from '../file/database.ts';
import { hideCurrentSchema } from '../file/older-schema.ts';
import { createTableSql, failuresTable } from '../file/schema.ts';
import { addFailure } from '../log/event-log.ts';
import { readingPauses } from '../log/reading-pauses.ts';
import { foldRange, Rows } from '../log/rows.ts';

export class SideTables {
  readonly #database: Database;
  readonly #tables: readonly Rows[];
  readonly #withUnfolded: boolean;
  readonly #addFailure: (failure: Failure) => void;
  readonly #failures: Failure[] = [];
  #folded = 0;
  /** Folded, but not yet in the tables. */
  #unwritten = { events: 0, bytes: 0 };

  /**
   * Creates the empty tables, within the caller's transaction if there is one.
   * @param nameOf the name under which a table is created; none of them may exist
   * @param withUnfolded see foldRange()
   */
  constructor(
    database: Database,
    projections: readonly Projection[],
    nameOf: (table: string) => string,
    withUnfolded: boolean,
  ) {
    this.#database = database;
    this.#withUnfolded = withUnfolded;
    this.#tables = projections.map((projection) => {
      const name = nameOf(projection.name);
      database.exec(createTableSql(projection, name));
      return new Rows(database, projection, name);
    });
    const failures = nameOf('failures');
    database.exec(failuresTable(failures));
    this.#addFailure = (failure) => addFailure(database, failure, failures);
  }

  /** The last folded event; it is in the tables once write() has nothing left to write. */
  get folded(): number {
    return this.#folded;
  }

  /**
   * Folds the next few events, up to `upTo`, in memory without a lock.
   * @returns whether more events may be folded before write()
   * @throws EngineError if the log cannot be read up to `upTo`: tables without those events would be wrong
   */
  fold(upTo: number): boolean {
    const folded = foldRange(this.#database, this.#folded, upTo, this.#tables, this.#withUnfolded);
    const { seq, bytes, failures } = folded;
    if (seq === this.#folded) {
      throw refused(
        `the log cannot be read beyond seq ${seq} of ${upTo}: run ${IRISX} verify to find the damage`,
      );
    }
    this.#failures.push(...failures);
    const unwritten = this.#unwritten;
    unwritten.events += seq - this.#folded;
    unwritten.bytes += bytes;
    this.#folded = seq;
    return seq < upTo && unwritten.events < REBUILD_FOLD_EVENTS && unwritten.bytes < BATCH_BYTES_MAX;
  }

  /** Writes up to `limit` folded rows within the caller's transaction. @returns how many; 0 if all are written */
  write(limit: number = Number.POSITIVE_INFINITY): number {
    let written = 0;
    for (const table of this.#tables) written += table.write(this.#addFailure, limit - written);
    const failures = this.#failures.splice(0, limit - written);
    for (const failure of failures) this.#addFailure(failure);
    written += failures.length;
    if (written === 0) this.#unwritten = { events: 0, bytes: 0 };
    return written;
  }
}

/**
 * Side tables in the temporary database of one connection. The database file does not change.
 * @param withUnfolded whether to fold events that were appended without being folded; the live tables lack them
 */
export function temporaryTables(
  database: Database,
  projections: readonly Projection[],
  withUnfolded: boolean,
): SideTables {
  hideCurrentSchema(database);
  database.pragma('temp.journal_mode = MEMORY'); // a journal file would double the writing
  return new SideTables(database, projections, (table) => `temp.${table}`, withUnfolded);
}

/**
 * Folds the events up to `upTo` into temporary tables, in pieces. Unless the caller has a transaction open, each piece
 * is a short read, so that the WAL can start over in between.
 * @throws EngineError if the log cannot be read up to there, and what SQLite throws
 */
export function foldAll(database: Database, tables: SideTables, upTo: number, onProgress: OnProgress): void {
  const pause = readingPauses(database);
  const foldPiece = database.transaction(() => {
    while (tables.fold(upTo));
    while (tables.write() > 0);
  });
  while (tables.folded < upTo) {
    foldPiece();
    pause();
    onProgress(tables.folded, upTo);
  }
}

/**
 * Opens a connection on which `events`, `failures` and the projections' tables are as they were when the log ended with
 * `seq`: the tables are folded into temporary ones. Views in the file still show the live tables.
 * @param seq the last event to include, which must be in the log
 * @returns a read-only connection that the caller must close
 * @throws EngineError, also if the log cannot be read up to there, and what SQLite throws
 */
export function openAsOf(
  databasePath: string,
  projections: readonly Projection[],
  seq: number,
  onProgress: OnProgress,
): Database {
  const database = openReadOnly(databasePath);
  try {
    foldAll(database, temporaryTables(database, projections, true), seq, onProgress);
    database.exec(`CREATE TEMP VIEW events AS SELECT * FROM main.events WHERE seq <= ${seq}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
