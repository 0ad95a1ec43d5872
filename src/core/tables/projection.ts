/**
 * A projection is plain data: a name, a version, a table, and two pure functions from events to rows.
 * No clock, no randomness, no I/O. The same events give the same rows in any order, except for the `seq` columns.
 */

import type { Event, EventContent } from '../event/event.ts';

/** The value of a column. */
export type Value = string | number | null;
/** A row by column name, without generated columns. */
export type Row = Record<string, Value>;

/** A column that a projection writes. */
export interface ProjectionColumn {
  readonly name: string;
  readonly kind: 'TEXT' | 'INTEGER' | 'REAL';
  readonly isNullable: boolean;
  /** It only records when others got their values: of no interest to a person. */
  readonly isInternal?: boolean;
}

export interface Projection<R extends Row = Row> {
  /** Also the name of the table and the stage of its failures. */
  readonly name: string;
  /** Increase it with every change of columns or folding: servers then rebuild the table automatically. */
  readonly version: number;
  /** The column whose value `keyOf` returns: TEXT, not nullable, unique. */
  readonly key: string;
  /** In order. */
  readonly columns: readonly ProjectionColumn[];
  /** Column → full definition of generated columns, if any. */
  readonly generated?: Readonly<Record<string, string>>;
  /**
   * @returns the key of the row that this event belongs to; undefined if it is not for this table
   * @throws FieldError if the key is missing or unusable
   */
  keyOf(event: EventContent): string | undefined;
  /**
   * @param row the row so far; must not be changed
   * @returns the row including this event
   * @throws FieldError if the table cannot use the event at all; a value that `fields` finds unusable is only left out
   */
  fold(row: Readonly<R> | undefined, event: Event, key: string): R;
}

/** A view for reports; `sql` is its SELECT. */
export interface View {
  readonly name: string;
  readonly sql: string;
}

/** Everything derived from the log. */
export interface Derivations {
  readonly projections: readonly Projection[];
  readonly views: readonly View[];
  /** Increase it with every change of a view. */
  readonly viewsVersion: number;
}
