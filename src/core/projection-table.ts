/**
 * The SQL of projection tables, generated from their definitions, and the one place that folds an event into a
 * row. A rebuild uses it on tables under another name or in another schema.
 */

import type { Database, Statement } from 'better-sqlite3';
import type { Event } from './event.ts';
import type { Projection, Row } from './projection.ts';
import { faultText, storageFault } from './storage-fault.ts';

/** @param table where to make it: `calls`, or `calls_next`, or `scratch.calls` */
export function createTableSql(projection: Projection, table: string): string {
  const columns = Object.entries(projection.columns).map(([name, type]) => `  ${name} ${type}`);
  const generated = Object.entries(projection.generated ?? {}).map(([name, type]) => `  ${name} ${type}`);
  return `CREATE TABLE ${table} (\n${[...columns, ...generated].join(',\n')}\n) STRICT`;
}

/** The plain columns, in order. */
export function columnsOf(projection: Projection): string[] {
  return Object.keys(projection.columns);
}

/** One open table that events are folded into. */
export class ProjectionTable {
  readonly projection: Projection;
  readonly #select: Statement<[string], Row>;
  readonly #upsert: Statement<[Row]>;

  /** Prepares the statements: the table must exist, in the projection's own version. */
  constructor(database: Database, projection: Projection, table: string) {
    this.projection = projection;
    const columns = columnsOf(projection);
    const others = columns.filter((column) => column !== projection.key);
    try {
      this.#select = database.prepare(
        `SELECT ${columns.join(', ')} FROM ${table} WHERE ${projection.key} = ?`,
      );
      this.#upsert = database.prepare(
        `INSERT INTO ${table} (${columns.join(', ')})
         VALUES (${columns.map((column) => `@${column}`).join(', ')})
         ON CONFLICT (${projection.key}) DO UPDATE SET ${others.map((c) => `${c} = excluded.${c}`).join(', ')}`,
      );
    } catch (error) {
      if (storageFault(error) !== 'other') throw error;
      const hint = `raise the version of the projection ${projection.name} when its columns change`;
      throw new Error(`the table ${table} has not this code's columns: ${hint} (${faultText(error)})`, {
        cause: error,
      });
    }
  }

  /**
   * Folds one event into its row, within the caller's transaction. All or nothing: the row is computed first
   * and written by one statement.
   * @throws FieldError if the event cannot be used; then no row has changed
   */
  fold(event: Event): void {
    const key = this.projection.keyOf(event);
    if (key === undefined) return;
    const row = this.#select.get(key);
    this.#upsert.run(this.projection.fold(row, event, key));
  }
}
