/**
 * What a projection is: data. A name, a version, a table, and two pure functions from events to rows.
 * No clock, no randomness, no I/O; any order of the same events gives the same rows, but for the `seq` columns.
 */

import type { Event } from './event.ts';

/** What a column holds. */
export type Value = string | number | null;
/** A row by column name. Generated columns are not in it. */
export type Row = Record<string, Value>;

export interface Projection<R extends Row = Row> {
  /** Also the table's name, and the stage of its failures. */
  readonly name: string;
  /** Raise it with every change of columns or folding: servers then rebuild the table by themselves. */
  readonly version: number;
  /** The unique column that `keyOf` gives. */
  readonly key: keyof R & string;
  /** Column → SQL type (`TEXT`, `INTEGER`, `REAL`) and constraints, in order; the key's must have `NOT NULL UNIQUE`. */
  readonly columns: Readonly<Record<keyof R & string, string>>;
  /** Column → full definition of generated columns, if any. */
  readonly generated?: Readonly<Record<string, string>>;
  /**
   * @returns the key of the one row that this event belongs to; undefined if it is not for this table
   * @throws FieldError if the key is missing or unusable
   */
  keyOf(event: Event): string | undefined;
  /**
   * @param row the row so far; must not be changed
   * @returns the row with this event in it
   * @throws FieldError if the event states something that no row can hold
   */
  fold(row: Readonly<R> | undefined, event: Event, key: string): R;
}

/** A view that reports are made of; `sql` is the SELECT. */
export interface View {
  readonly name: string;
  readonly sql: string;
}

/** Everything that is derived from the log. */
export interface Derivations {
  readonly projections: readonly Projection[];
  readonly views: readonly View[];
  /** Raise it with every change of a view. */
  readonly viewsVersion: number;
}
