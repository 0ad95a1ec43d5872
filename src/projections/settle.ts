/**
 * Determines a column's value independently of the order of arrival: the latest event that states a value wins, a tie
 * goes to the greater value, and a missing value never replaces a stated one. The row stores the time of each value.
 */

import type { Value } from '../core/tables/projection.ts';

/** JSON list: for each settled column, in the projection's order, the time (ms) of its value's event, or null. */
export interface Settled {
  value_times_ms: string;
}

/** The values that one event states; undefined means "not stated". */
export type Stated<Column extends string> = { [name in Column]?: Value | undefined };

/**
 * Merges the values of an event into `row`.
 * @param columns in a fixed order: if it changes, the projection's version must be increased
 * @param atMs when the event occurred
 */
export function settle<Column extends string, R extends Settled & { [name in Column]: Value }>(
  row: R,
  columns: readonly Column[],
  stated: Stated<Column>,
  atMs: number,
): void {
  const times = JSON.parse(row.value_times_ms) as (number | null)[];
  let text = '';
  for (const [index, column] of columns.entries()) {
    const value = stated[column];
    let timeMs = times[index] ?? null;
    if (value !== undefined && value !== null && isLater(atMs, value, timeMs, row[column])) {
      row[column] = value as R[Column];
      timeMs = atMs;
    }
    text += index === 0 ? timeMs : `,${timeMs}`;
  }
  row.value_times_ms = `[${text}]`;
}

/** A status and its rank. A higher rank always wins; with equal ranks, the later time, then the greater text. */
export interface RankedStatus {
  readonly status: string;
  readonly rank: number;
}

/**
 * @returns whether the event's status replaces the row's
 * @param heldAtMs when the row's status occurred
 */
export function statusWins(next: RankedStatus, atMs: number, held: RankedStatus, heldAtMs: number): boolean {
  if (next.rank !== held.rank) return next.rank > held.rank;
  return isLater(atMs, next.status, heldAtMs, held.status);
}

/** The earliest time of a milestone, stated by its own event type. */
export function earliest(held: number | null, atMs: number): number {
  return held === null ? atMs : Math.min(held, atMs);
}

function isLater(atMs: number, value: Value, heldAtMs: number | null, held: Value): boolean {
  if (heldAtMs === null) return true;
  if (atMs !== heldAtMs) return atMs > heldAtMs;
  return held === null || (value as string | number) > (held as string | number);
}
