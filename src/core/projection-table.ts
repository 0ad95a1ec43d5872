/**
 * The SQL of projection tables, generated from their definitions, and the only place that folds an event into a row.
 * Rows are cached between events and written once by write(), because a call's next event usually follows soon.
 * A rebuild uses it on tables with another name or in another schema.
 */

import type { Database, Statement } from 'better-sqlite3';
import { type ColumnCheck, columnCheck, misfit } from './column-check.ts';
import type { Event } from './event.ts';
import { FieldError } from './fields.ts';
import { ROWS_KEPT_BYTES_MAX } from './limits.ts';
import type { Projection, Row, Value } from './projection.ts';
import { faultText, storageFault } from './storage-fault.ts';

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
    const key = this.#noting(event, addFailure, () => this.projection.keyOf(event));
    if (key === undefined) return;
    const row = this.#folded(event, key, addFailure);
    if (row === undefined) return;
    this.#set(key, { row, bytes: 0 });
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
      this.#drop(key);
      if (this.#attempt(() => this.#writeRow(row)) === undefined)
        this.#set(key, { row, bytes: bytesOf(row) });
      else this.#writeEach(key, events, addFailure);
      this.#changed.delete(key);
      written += 1;
    }
    for (const key of this.#rows.keys()) {
      if (this.#keptBytes <= ROWS_KEPT_BYTES_MAX) break;
      this.#drop(key);
    }
    return written;
  }

  /** The row violates a constraint of its table. Folding and writing event by event finds the one that causes it. */
  #writeEach(key: string, events: readonly Event[], addFailure: AddFailure): void {
    for (const event of events) {
      const row = this.#folded(event, key, addFailure);
      if (row === undefined) continue;
      const defect = this.#attempt(() => this.#writeRow(row));
      if (defect !== undefined) addFailure(event.seq, this.projection.name, reasonOf(defect));
    }
  }

  /** @returns the row with the event folded in; undefined if the event's failure was recorded */
  #folded(event: Event, key: string, addFailure: AddFailure): Row | undefined {
    let before = this.#rows.get(key)?.row;
    if (before === undefined) {
      const defect = this.#attempt(() => {
        before = this.#select.get(key);
      });
      if (defect !== undefined) return void addFailure(event.seq, this.projection.name, reasonOf(defect));
    }
    return this.#noting(event, addFailure, () => {
      const row = this.projection.fold(before, event, key);
      if (row instanceof Promise) row.catch(() => {}); // does not fit, and must not end the process either
      const wrong = misfit(row, this.#checks);
      if (wrong !== undefined) throw new TypeError(wrong);
      return row;
    });
  }

  #writeRow(row: Row): void {
    this.#upsert.run(...this.#columns.map((column) => row[column] as Value));
  }

  /** Runs the projection's code. If that throws, records a failure of this event and returns undefined. */
  #noting<T>(event: Event, addFailure: AddFailure, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      addFailure(event.seq, this.projection.name, reasonOf(error));
      return undefined;
    }
  }

  /** Runs a statement on the table. @returns the error, if any @throws only storage faults */
  #attempt(statement: () => void): unknown {
    try {
      statement();
      return undefined;
    } catch (error) {
      // A trigger may have rolled back the whole transaction: what follows would be committed without it.
      if (storageFault(error) !== 'other' || !this.#database.inTransaction) throw error;
      return error;
    }
  }

  #set(key: string, kept: KeptRow): void {
    this.#keptBytes += kept.bytes - (this.#rows.get(key)?.bytes ?? 0);
    this.#rows.set(key, kept);
  }

  #drop(key: string): void {
    this.#keptBytes -= this.#rows.get(key)?.bytes ?? 0;
    this.#rows.delete(key);
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
