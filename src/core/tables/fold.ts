/**
 * The one way from events to rows: for new deliveries, for tables that lag, for rebuilds, comparisons and views of the
 * past. Pure: it takes the rows as they are and returns the rows as they will be. An event that a projection cannot use
 * becomes a failure, changes no row, and does not affect the others.
 */

import type { Event } from '../event/event.ts';
import type { Failure } from '../event/recorded-event.ts';
import { columnChecks, misfit } from './column-check.ts';
import { type PreparedEvent, reasonOf } from './prepare.ts';
import type { Projection, Row } from './projection.ts';

/** An event of the log, to be folded. */
export interface FoldingEvent {
  readonly seq: number;
  readonly prepared: PreparedEvent;
}

/** The rows before the fold, by projection and key: all that the events belong to, as far as they exist. */
export type RowsBefore = ReadonlyMap<Projection, ReadonlyMap<string, Row>>;

/** A row that a fold has changed. It belongs to the caller, who may add what later folds change. */
export interface ChangedRow {
  readonly key: string;
  /** Undefined if the fold has made the row. */
  readonly before: Row | undefined;
  row: Row;
  /** The events folded into it, in order. */
  readonly events: Event[];
}

export interface Folded {
  /** By projection, in the order of the first change. */
  readonly changed: ReadonlyMap<Projection, readonly ChangedRow[]>;
  readonly failures: readonly Failure[];
}

/** The keys of the rows that the events belong to, with repetitions: these rows must be loaded before the fold. */
export function keysOf(events: readonly FoldingEvent[]): Map<Projection, string[]> {
  const keys = new Map<Projection, string[]>();
  for (const { prepared } of events)
    for (const { projection, key } of prepared.rows) {
      if (key === undefined) continue;
      const ofProjection = keys.get(projection);
      if (ofProjection === undefined) keys.set(projection, [key]);
      else ofProjection.push(key);
    }
  return keys;
}

/** @param rows their projections are those to fold into; the rows of other tables are left alone */
export function fold(events: readonly FoldingEvent[], rows: RowsBefore): Folded {
  const failures: Failure[] = [];
  const changes = new Map([...rows.keys()].map((projection) => [projection, new Map<string, ChangedRow>()]));
  for (const { seq, prepared } of events) {
    if (prepared.failure !== undefined) failures.push({ seq, ...prepared.failure });
    if (prepared.content === undefined) continue;
    const { type, tabled, occurredAtMs, fields } = prepared.content;
    const event: Event = { seq, type, tabled, occurredAtMs, fields };
    for (const place of prepared.rows) {
      const { projection, key } = place;
      const changed = changes.get(projection);
      if (changed === undefined) continue;
      if (key === undefined) {
        failures.push({ seq, stage: projection.name, error: place.error });
        continue;
      }
      const change = changed.get(key);
      const before = change?.row ?? rows.get(projection)?.get(key);
      const folded = foldEvent(projection, before, event, key);
      if ('error' in folded) failures.push({ seq, stage: projection.name, error: folded.error });
      else if (change === undefined) changed.set(key, { key, before, row: folded.row, events: [event] });
      else {
        change.row = folded.row;
        change.events.push(event);
      }
    }
  }
  return {
    changed: new Map([...changes].map(([projection, changed]) => [projection, [...changed.values()]])),
    failures,
  };
}

/** @returns the row with the event folded in, or why the projection cannot use the event */
export function foldEvent(
  projection: Projection,
  before: Row | undefined,
  event: Event,
  key: string,
): { readonly row: Row } | { readonly error: string } {
  try {
    const row = projection.fold(before, event, key);
    if (row instanceof Promise) row.catch(() => {}); // does not fit, and must not end the process either
    const wrong = misfit(row, columnChecks(projection));
    if (wrong !== undefined) throw new TypeError(wrong);
    return { row };
  } catch (error) {
    return { error: reasonOf(error) };
  }
}
