/**
 * Determines a column's value independently of the order of arrival: the latest event that states a value wins, a tie
 * goes to the greater value, and a missing value never replaces a stated one. The row stores the time of each value.
 */

import type { Fields } from '../core/event/fields.ts';
import type { Value } from '../core/tables/projection.ts';
import { type Column, type Columns, computed, type RowOf } from './columns.ts';

export const VALUE_TIMES = {
  /** JSON list: for each settled column, in the order of the table, the time (ms) of its value's event, or null. */
  value_times_ms: computed(
    'TEXT',
    'The times of the values in the columns of the kinds `latest` and `milestone`.',
    'internal',
  ),
};

export interface SettledColumn extends Pick<Column, 'types' | 'read'> {
  readonly name: string;
  /** In value_times_ms. */
  readonly index: number;
}

/** The column with the time of an event's type. `index` is that of a SettledColumn, -1 if no event can state it. */
export type Milestone = Pick<SettledColumn, 'name' | 'index'>;

/** The columns whose values have times. If their order changes, the projection's version must be increased. */
export function settledColumns(columns: Columns): SettledColumn[] {
  return Object.entries(columns)
    .filter(([, { settles }]) => settles === 'latest' || settles === 'milestone')
    .map(([name, { types, read }], index) => ({ name, index, types, read }));
}

/** A row that no event has been folded into: its columns are NULL, whatever their type. */
export function emptyRow<C extends Columns>(columns: C, settled: readonly SettledColumn[]): RowOf<C> {
  const nulls = Object.keys(columns).map((name) => [name, null]);
  const times = JSON.stringify(settled.map(() => null));
  return { ...Object.fromEntries(nulls), value_times_ms: times };
}

/**
 * Merges the values that an event states into `row`.
 * @param columns those that the event can state
 * @param atMs when the event occurred
 * @param milestone the column with the time of such an event, if any
 */
export function settle(
  row: Record<string, Value>,
  columns: readonly SettledColumn[],
  fields: Fields,
  atMs: number,
  milestone?: Milestone,
): void {
  const times = JSON.parse(row['value_times_ms'] as string) as (number | null)[];
  for (const { name, index, read } of columns) {
    const value = read(fields) ?? null;
    if (value === null || !isLater(atMs, value, times[index] ?? null, row[name] ?? null)) continue;
    row[name] = value;
    times[index] = atMs;
  }
  if (milestone !== undefined && (milestone.index < 0 || times[milestone.index] === null))
    row[milestone.name] = Math.min(Number(row[milestone.name] ?? atMs), atMs); // no event states it
  row['value_times_ms'] = JSON.stringify(times);
}

/** Whether a value replaces the one that a row holds. */
export function isLater(atMs: number, value: Value, heldAtMs: number | null, held: Value): boolean {
  if (heldAtMs === null) return true;
  if (atMs !== heldAtMs) return atMs > heldAtMs;
  return held === null || (value as string | number) > (held as string | number);
}
