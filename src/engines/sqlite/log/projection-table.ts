/**
 * The SQL of projection tables, generated from their definitions, and the only place that folds an event into a row.
 * Rows are cached between events and written once by write(), because a call's next event usually follows soon.
 * A rebuild uses it on tables with another name or in another schema.
 */

import type { Database, Statement } from 'better-sqlite3';
import type { Event } from '../../../core/event/event.ts';
import { FieldError } from '../../../core/event/fields.ts';
import { ROWS_KEPT_BYTES_MAX } from '../../../core/limits.ts';
import { type ColumnCheck, columnCheck, misfit } from '../../../core/tables/column-check.ts';
import type { Projection, Row, Value } from '../../../core/tables/projection.ts';
import { faultText, storageFault } from '../file/storage-fault.ts';

/** Records a failure; `stage` is `parse` or a projection's name. */
export type AddFailure = (seq: number, stage: string, error: string) => void;

/** @param table the name to create it under: `calls`, `calls_next` or `temp.calls` */
export function createTableSql(projection: Projection, table: string): string {
  const columns = Object.entries(projection.columns).map(([name, type]) => `  ${name} ${type}`);
  const generated = Object.entries(projection.generated ?? {}).map(([name, type]) => `  ${name} ${type}`);
  return `CREATE TABLE ${table} (\n${[...columns, ...generated].join(',\n')}\n) STRICT`;
}

/** The columns that are not generated, in order. */
export function columnsOf(projection: Projection): string[] {
  return Object.keys(projection.columns);
}

/** A row as the table has it, or will have it after write(). */
interface KeptRow {
  readonly row: Row;
  /** Approximate size in memory; 0 until it has been written. */
  readonly bytes: number;
}

/** One open table that events are folded into. What is folded is in the table only after write(). */
export class ProjectionTable {
  readonly projection: Projection;
  readonly #database: Database;
  readonly #select: Statement<[string], Row>;
  readonly #upsert: Statement<Value[]>;
  readonly #columns: string[];
  readonly #checks: ColumnCheck[];
  /** In the order in which they were written. */
  readonly #rows = new Map<string, KeptRow>();
  /** Total size of the rows that have been written. */
  #keptBytes = 0;
  /** The keys of the rows that write() must write, with the events folded into each since the last write(). */
  readonly #changed = new Map<string, Event[]>();

  /** Prepares the statements: the table must exist and have the projection's version. */
  constructor(database: Database, projection: Projection, table: string) {
    this.projection = projection;
    this.#database = database;
    this.#columns = columnsOf(projection);
    this.#checks = Object.entries(projection.columns).map(([name, type]) => columnCheck(name, type));
    const columns = this.#columns.join(', ');
    const others = this.#columns.filter((column) => column !== projection.key);
    try {
      this.#select = database.prepare(`SELECT ${columns} FROM ${table} WHERE ${projection.key} = ?`);
      this.#upsert = database.prepare(
        `INSERT INTO ${table} (${columns})
         VALUES (${this.#columns.map(() => '?').join(', ')})
         ON CONFLICT (${projection.key}) DO UPDATE SET ${others.map((c) => `${c} = excluded.${c}`).join(', ')}`,
      );
    } catch (error) {
      if (storageFault(error) !== 'other') throw error;
      const hint = `increase the version of the projection ${projection.name} when its columns change`;
      throw new Error(
        `the columns of the table ${table} differ from this code: ${hint} (${faultText(error)})`,
        {
          cause: error,
        },
      );
    }
  }

  /**
   * Folds one event into its row, in memory. An event that cannot be used becomes a failure and changes no row.
   * @throws only errors that storageFault() classifies as storage faults, and only if a statement in this class caused
   *   them: any error in the projection's own code is a failure of the event
   */
  fold(event: Event, addFailure: AddFailure): void {
    const key = this.#keyOf(event, addFailure);
    if (key === undefined) return;
    const kept = this.#rows.get(key);
    const row = this.#folded(event, key, kept?.row, addFailure);
    if (row === undefined) return;
    this.#keptBytes -= kept?.bytes ?? 0;
    this.#rows.set(key, { row, bytes: 0 });
    const events = this.#changed.get(key);
    if (events === undefined) this.#changed.set(key, [event]);
    else events.push(event);
  }

  /**
   * Writes changed rows, in the order of their first change, within the caller's transaction.
   * @param rowsMax maximum number of rows to write
   * @returns the number of rows written
   * @throws only errors that storageFault() classifies as storage faults; call forget() then
   */
  write(addFailure: AddFailure, rowsMax: number = Number.POSITIVE_INFINITY): number {
    let written = 0;
    for (const [key, events] of this.#changed) {
      if (written === rowsMax) return written;
      const row = this.#rows.get(key)?.row as Row;
      this.#rows.delete(key);
      if (this.#writeProblem(row) === undefined) this.#keep(key, row);
      else this.#writeEach(key, events, addFailure);
      this.#changed.delete(key);
      written += 1;
    }
    for (const [key, { bytes }] of this.#rows) {
      if (this.#keptBytes <= ROWS_KEPT_BYTES_MAX) break;
      this.#keptBytes -= bytes;
      this.#rows.delete(key);
    }
    return written;
  }

  #keep(key: string, row: Row): void {
    const bytes = bytesOf(row);
    this.#keptBytes += bytes;
    this.#rows.set(key, { row, bytes });
  }

  /** The row violates a constraint of its table. Folding and writing event by event finds the one that causes it. */
  #writeEach(key: string, events: readonly Event[], addFailure: AddFailure): void {
    for (const event of events) {
      const row = this.#folded(event, key, undefined, addFailure);
      const problem = row === undefined ? undefined : this.#writeProblem(row);
      if (problem !== undefined) addFailure(event.seq, this.projection.name, problem);
    }
  }

  /** @returns undefined if the event is not for this table, or if its failure was recorded */
  #keyOf(event: Event, addFailure: AddFailure): string | undefined {
    try {
      return this.projection.keyOf(event);
    } catch (error) {
      addFailure(event.seq, this.projection.name, reasonOf(error));
      return undefined;
    }
  }

  /**
   * @param kept the row in memory, if it is there
   * @returns the row with the event folded in; undefined if the event's failure was recorded
   */
  #folded(event: Event, key: string, kept: Row | undefined, addFailure: AddFailure): Row | undefined {
    let before = kept;
    try {
      before ??= this.#select.get(key);
    } catch (error) {
      addFailure(event.seq, this.projection.name, this.#reasonOfSqlite(error));
      return undefined;
    }
    try {
      const row = this.projection.fold(before, event, key);
      if (row instanceof Promise) row.catch(() => {}); // does not fit, and must not end the process either
      const wrong = misfit(row, this.#checks);
      if (wrong !== undefined) throw new TypeError(wrong);
      return row;
    } catch (error) {
      addFailure(event.seq, this.projection.name, reasonOf(error));
      return undefined;
    }
  }

  /** Writes a row. @returns why the table refuses it; undefined if it is written @throws only storage faults */
  #writeProblem(row: Row): string | undefined {
    try {
      this.#upsert.run(...this.#columns.map((column) => row[column] as Value));
      return undefined;
    } catch (error) {
      return this.#reasonOfSqlite(error);
    }
  }

  /** @throws the error if it is a storage fault, or if a trigger has rolled back the caller's transaction */
  #reasonOfSqlite(error: unknown): string {
    if (storageFault(error) !== 'other' || !this.#database.inTransaction) throw error;
    return reasonOf(error);
  }

  /** Drops what is in memory: after a rollback, or when another connection may have written to the table. */
  forget(): void {
    this.#rows.clear();
    this.#keptBytes = 0;
    this.#changed.clear();
  }
}

const VALUE_BYTES = 16;

function bytesOf(row: Row): number {
  let bytes = 0;
  for (const name in row) {
    const value = row[name];
    bytes += VALUE_BYTES + (typeof value === 'string' ? value.length : 0);
  }
  return bytes;
}

/** A FieldError explains itself; anything else is a defect of the projection, and says so. */
function reasonOf(error: unknown): string {
  return error instanceof FieldError ? error.message : `the projection failed: ${faultText(error)}`;
}
