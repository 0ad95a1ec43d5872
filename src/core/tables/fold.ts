/**
 * The one way from events to rows: for new deliveries, for tables that lag, for rebuilds, comparisons and views of the
 * past. Pure: it takes the rows as they are and returns the rows as they will be. An event that a projection cannot use
 * becomes a failure, changes no row, and does not affect the others.
 */

import type { Event } from '../event/event.ts';
import { type Failure, WHOLE_EVENT } from '../event/recorded-event.ts';
import { misfit } from './column-check.ts';
import { type PreparedEvent, type RowOfEvent, reasonOf } from './prepare.ts';
import type { Projection, Row } from './projection.ts';

/** An event of the log, to be folded. */
export interface FoldingEvent {
  readonly seq: number;
  readonly prepared: PreparedEvent;
}

/** The rows of one table, as a fold finds them. */
export interface LoadedRows {
  /** By key: all that the events belong to, as far as they exist. */
  readonly rows: ReadonlyMap<string, Row>;
  /** By key: why a row could not be read, if not for a fault of the storage. */
  readonly unreadable: ReadonlyMap<string, string>;
}

/** By the projection's name. Only these tables are folded into. */
export type RowsBefore = ReadonlyMap<string, LoadedRows>;

/** A row that a fold has changed. It belongs to the caller, who may add what later folds change. */
export interface ChangedRow {
  readonly key: string;
  /** Undefined if the fold has made the row. */
  readonly before: Row | undefined;
  row: Row;
  /** The events folded into it, in order. Their contents are not kept: they are in the log. */
  readonly seqs: number[];
}

interface FoldedTable {
  readonly loaded: LoadedRows;
  /** By key, in the order of the first change. */
  readonly changed: Map<string, ChangedRow>;
}

/** The keys of the rows that the events belong to, by table, with repetitions: a fold needs these rows. */
export function keysOf(events: Iterable<FoldingEvent>): Map<string, string[]> {
  const keys = new Map<string, string[]>();
  for (const { prepared } of events)
    for (const { projection, key } of prepared.rows) {
      if (key === undefined) continue;
      const ofTable = keys.get(projection.name);
      if (ofTable === undefined) keys.set(projection.name, [key]);
      else ofTable.push(key);
    }
  return keys;
}

export function fold(events: readonly FoldingEvent[], before: RowsBefore) {
  const failures: Failure[] = [];
  /** By the projection's name. */
  const tables = new Map<string, FoldedTable>();
  for (const [name, loaded] of before) tables.set(name, { loaded, changed: new Map() });
  for (const { seq, prepared } of events) {
    if (prepared.failure !== undefined) failures.push({ seq, ...prepared.failure });
    if (prepared.content === undefined) continue;
    const event: Event = { ...prepared.content, seq };
    for (const row of prepared.rows) {
      const table = tables.get(row.projection.name);
      const error = table && foldRow(table, row, event);
      if (error !== undefined) failures.push({ seq, stage: row.projection.name, field: WHOLE_EVENT, error });
    }
  }
  return { tables, failures };
}

/** @returns why the event changes nothing; undefined if it is folded */
function foldRow({ loaded, changed }: FoldedTable, rowOfEvent: RowOfEvent, event: Event): string | undefined {
  const { projection, key } = rowOfEvent;
  if (key === undefined) return rowOfEvent.error;
  const problem = loaded.unreadable.get(key);
  if (problem !== undefined) return problem;
  const change = changed.get(key);
  const before = change === undefined ? loaded.rows.get(key) : change.row;
  const folded = foldEvent(projection, before, event, key);
  if ('error' in folded) return folded.error;
  if (change === undefined) changed.set(key, { key, before, row: folded.row, seqs: [event.seq] });
  else {
    change.row = folded.row;
    change.seqs.push(event.seq);
  }
  return undefined;
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
    const wrong = misfit(row, projection);
    if (wrong !== undefined) throw new TypeError(wrong);
    return { row };
  } catch (error) {
    return { error: reasonOf(error) };
  }
}
