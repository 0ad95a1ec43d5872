/**
 * The SQL of projection tables, generated from their definitions, and the only place that folds an event into a row.
 * Rows are cached between events and written once by write(), because a call's next event usually follows soon.
 * A rebuild uses it on tables with another name or in another schema.
 */

import type { Database, Statement } from 'better-sqlite3';
import { type ColumnCheck, columnCheck, misfit } from './column-check.ts';
import type { Event } from './event.ts';
import { FieldError } from './fields.ts';
import { ROWS_KEPT_MAX } from './limits.ts';
import type { Projection, Row, Value } from './projection.ts';
import { faultText, storageFault } from './storage-fault.ts';

/** Records a failure; `stage` is `parse` or a projection's name. */
export type AddFailure = (seq: number, stage: string, error: string) => void;

/** @param table the name to create it under: `calls`, `calls_next` or `scratch.calls` */
export function createTableSql(projection: Projection, table: string): string {
  const columns = Object.entries(projection.columns).map(([name, type]) => `  ${name} ${type}`);
  const generated = Object.entries(projection.generated ?? {}).map(([name, type]) => `  ${name} ${type}`);
  return `CREATE TABLE ${table} (\n${[...columns, ...generated].join(',\n')}\n) STRICT`;
}

/** The columns that are not generated, in order. */
export function columnsOf(projection: Projection): string[] {
  return Object.keys(projection.columns);
}

/** One open table that events are folded into. Folded events reach the table only with write(). */
export class ProjectionTable {
  readonly projection: Projection;
  readonly #select: Statement<[string], Row>;
  readonly #upsert: Statement<Value[]>;
  readonly #columns: string[];
  readonly #checks: ColumnCheck[];
  /** Cached rows: as in the table, or as they will be after write(). */
  readonly #rows = new Map<string, Row>();
  /** The rows to be written, with the events folded into them since the last write. */
  readonly #changed = new Map<string, Event[]>();

  /** Prepares the statements: the table must exist and have the projection's version. */
  constructor(database: Database, projection: Projection, table: string) {
    this.projection = projection;
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

  /** Number of rows that write() would write now. */
  get changedRows(): number {
    return this.#changed.size;
  }

  /**
   * Folds one event into its row, in memory. If that fails, the failure is recorded and the row does not change.
   * @throws only errors that storageFault() classifies as storage faults
   */
  fold(event: Event, addFailure: AddFailure): void {
    this.#noting(event, addFailure, () => {
      const key = this.projection.keyOf(event);
      if (key === undefined) return;
      this.#rows.set(key, this.#folded(event, key));
      const events = this.#changed.get(key);
      if (events === undefined) this.#changed.set(key, [event]);
      else events.push(event);
    });
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
      try {
        this.#writeRow(this.#rows.get(key) as Row);
      } catch (error) {
        if (storageFault(error) !== 'other') throw error;
        this.#writeEach(key, events, addFailure);
      }
      this.#changed.delete(key);
      written += 1;
    }
    for (const key of this.#rows.keys()) {
      if (this.#rows.size <= ROWS_KEPT_MAX) break;
      this.#rows.delete(key);
    }
    return written;
  }

  /** A row violates a constraint of its table: replays its events one by one to find the one that caused it. */
  #writeEach(key: string, events: readonly Event[], addFailure: AddFailure): void {
    for (const event of events) {
      this.#rows.delete(key);
      this.#noting(event, addFailure, () => this.#writeRow(this.#folded(event, key)));
    }
  }

  /** @returns the row including the event @throws FieldError, or what the projection throws */
  #folded(event: Event, key: string): Row {
    const row = this.projection.fold(this.#rows.get(key) ?? this.#select.get(key), event, key);
    const wrong = misfit(row, this.#checks);
    if (wrong !== undefined) throw new TypeError(wrong);
    return row;
  }

  #writeRow(row: Row): void {
    this.#upsert.run(...this.#columns.map((column) => row[column] as Value));
  }

  /** Does `work`. Any error other than a storage fault is recorded as a failure of this event only. */
  #noting(event: Event, addFailure: AddFailure, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (storageFault(error) !== 'other') throw error;
      addFailure(event.seq, this.projection.name, reasonOf(error));
    }
  }

  /** Drops the cached rows: after a rollback, or when another connection may have written to the table. */
  forget(): void {
    this.#rows.clear();
    this.#changed.clear();
  }
}

/** A FieldError is self-explanatory; any other error is reported as a defect of the projection. */
function reasonOf(error: unknown): string {
  return error instanceof FieldError ? error.message : `the projection failed: ${faultText(error)}`;
}
