/** Folds ranges of the log into tables, in memory: for tables that lag, rebuilds, comparisons and views of the past. */

import type { Database } from 'better-sqlite3';
import type { Failure } from '../../../core/event/recorded-event.ts';
import { prepareRecorded } from '../../../core/tables/prepare.ts';
import { recordedEvents, unfoldedEvents } from './event-log.ts';
import { foldInto, type Rows } from './rows.ts';

export interface FoldedRange {
  /** The last folded event; `after` if none was folded. */
  readonly seq: number;
  /** Approximate size of the bodies. */
  readonly bytes: number;
  readonly failures: readonly Failure[];
}

/**
 * Folds the next events with `after` < seq ≤ `upTo`: as many as the log reads at once.
 * @param withUnfolded whether to fold events that were appended without being folded. If not, they keep their failure:
 *   all tables of a log must treat them alike, so only what rebuilds or shows all of them may fold them
 */
export function foldRange(
  database: Database,
  after: number,
  upTo: number,
  tables: readonly Rows[],
  withUnfolded: boolean,
): FoldedRange {
  const range = recordedEvents(database, after, upTo);
  const seq = range.at(-1)?.seq ?? after;
  const unfolded = withUnfolded ? [] : unfoldedEvents(database, after, seq);
  const leftOut = new Map(unfolded.map((failure) => [failure.seq, failure.error]));
  const projections = tables.map(({ projection }) => projection);
  const events = range.map((recorded) => ({
    seq: recorded.seq,
    prepared: prepareRecorded(recorded, projections, leftOut.get(recorded.seq)),
  }));
  const bytes = range.reduce((sum, { body }) => sum + body.length, 0);
  return { seq, bytes, failures: foldInto(tables, events) };
}
