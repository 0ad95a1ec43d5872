/**
 * How a column gets its value whatever the order of arrival: the latest event that states it wins, a tie goes to
 * the greater value, and a missing value never replaces a stated one. The row keeps the time of each value.
 */

import type { Value } from '../core/projection.ts';

/** JSON: for each settled column, in the projection's order, the time (ms) of the event its value is from, or null. */
export interface Settled {
  value_times_ms: string;
}

/** What one event states; undefined is "not stated". */
export type Stated<Column extends string> = { [name in Column]?: Value | undefined };

/**
 * Puts what an event states into `row`.
 * @param columns in a fixed order: a projection's version must rise when it changes
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

/** A status and its rank: a higher rank always wins, an equal one by time, then by the greater text. */
export interface RankedStatus {
  readonly status: string;
  readonly rank: number;
}

/**
 * @returns whether the event's status takes the place of the row's
 * @param heldAtMs when the row's status occurred
 */
export function statusWins(next: RankedStatus, atMs: number, held: RankedStatus, heldAtMs: number): boolean {
  if (next.rank !== held.rank) return next.rank > held.rank;
  return isLater(atMs, next.status, heldAtMs, held.status);
}

/** The earliest of the times that a milestone's own event type states. */
export function earliest(held: number | null, atMs: number): number {
  return held === null ? atMs : Math.min(held, atMs);
}

function isLater(atMs: number, value: Value, heldAtMs: number | null, held: Value): boolean {
  if (heldAtMs === null) return true;
  if (atMs !== heldAtMs) return atMs > heldAtMs;
  return held === null || (value as string | number) > (held as string | number);
}
