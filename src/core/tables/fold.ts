/**
 * The one way from events to rows: for new deliveries, for tables that lag, for rebuilds, comparisons and views of the
 * past. Pure: it takes the rows as they are and returns the rows as they will be. An event that a projection cannot use
 * becomes a failure, changes no row, and does not affect the others. An unusable value becomes a failure, too, but costs
 * only its column.
 */

import type { Event } from '../event/event.ts';
import { type Failure, WHOLE_EVENT } from '../event/recorded-event.ts';
import { misfit } from './column-check.ts';
import { fieldFailures, type PreparedEvent, type Problems, type RowOfEvent, reasonOf } from './prepare.ts';
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
    for (const failure of prepared.failures) failures.push({ seq, ...failure });
    if (prepared.content === undefined) continue;
    const event: Event = { ...prepared.content, seq };
    for (const row of prepared.rows) {
      const table = tables.get(row.projection.name);
      if (table !== undefined) foldRow(table, row, event, failures);
    }
  }
  return { tables, failures };
}

/** @param failures receives what of the event the table cannot use */
function foldRow(
  { loaded, changed }: FoldedTable,
  rowOfEvent: RowOfEvent,
  event: Event,
  failures: Failure[],
): void {
  const { seq } = event;
  const { projection, key } = rowOfEvent;
  const fail = (error: string) => {
    failures.push({ seq, stage: projection.name, field: WHOLE_EVENT, error });
  };
  if (key === undefined) return fail(rowOfEvent.error);
  const problem = loaded.unreadable.get(key);
  if (problem !== undefined) return fail(problem);
  const change = changed.get(key);
  const before = change === undefined ? loaded.rows.get(key) : change.row;
  const folded = foldEvent(projection, before, event, key);
  if ('error' in folded) return fail(folded.error);
  const { problems } = rowOfEvent;
  const noted = problems.size === 0 ? folded.problems : new Map([...problems, ...folded.problems]);
  for (const failure of fieldFailures(projection.name, noted)) failures.push({ seq, ...failure });
  if (change === undefined) changed.set(key, { key, before, row: folded.row, seqs: [seq] });
  else {
    change.row = folded.row;
    change.seqs.push(seq);
  }
}

/** @returns the row with the event folded in and which values are left out, or why the event cannot be used at all */
export function foldEvent(
  projection: Projection,
  before: Row | undefined,
  event: Event,
  key: string,
): { readonly row: Row; readonly problems: Problems } | { readonly error: string } {
  event.fields.forgetProblems(); // each stage has failures of its own
  try {
    const row = projection.fold(before, event, key);
    if (row instanceof Promise) row.catch(() => {}); // does not fit, and must not end the process either
    const wrong = misfit(row, projection);
    if (wrong !== undefined) throw new TypeError(wrong);
    return { row, problems: event.fields.problems };
  } catch (error) {
    return { error: reasonOf(error) };
  }
}
