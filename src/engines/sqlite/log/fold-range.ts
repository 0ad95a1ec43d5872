/** Folds events into tables in memory: new ones, and ranges of the log for tables that lag, rebuilds and comparisons. */

import { EngineError } from '../../../core/engine-error.ts';
import type { Failure } from '../../../core/event/recorded-event.ts';
import { IRISX } from '../../../core/packaging.ts';
import { type FoldingEvent, fold, keysOf } from '../../../core/tables/fold.ts';
import { prepareRecorded, unfolded } from '../../../core/tables/prepare.ts';
import type { EventLog } from './event-log.ts';
import type { Rows } from './rows.ts';

/**
 * Loads the rows that the events belong to, and folds the events into them.
 * @param tables they have the changed rows once their write() is called
 * @returns the failures, which the caller records
 */
export function foldInto(tables: readonly Rows[], events: readonly FoldingEvent[]): readonly Failure[] {
  const keys = keysOf(events);
  const before = new Map(
    tables.map((table) => [table.projection, table.load(keys.get(table.projection) ?? [])]),
  );
  const { changed, failures } = fold(events, before);
  for (const table of tables) table.change(changed.get(table.projection) ?? []);
  return failures;
}

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
  log: EventLog,
  after: number,
  upTo: number,
  tables: readonly Rows[],
  withUnfolded: boolean,
): FoldedRange {
  const range = log.range(after, upTo);
  const seq = range.at(-1)?.seq ?? after;
  const left = new Map(withUnfolded ? [] : log.unfolded(after, seq).map((each) => [each.seq, each.error]));
  const projections = tables.map(({ projection }) => projection);
  const events = range.map((recorded) => {
    const error = left.get(recorded.seq);
    const prepared = error === undefined ? prepareRecorded(recorded, projections) : unfolded(error);
    return { seq: recorded.seq, prepared };
  });
  const bytes = range.reduce((sum, { body }) => sum + body.length, 0);
  return { seq, bytes, failures: foldInto(tables, events) };
}

/** Error for events that exist but cannot be read: tables without them would be wrong. */
export function unreadable(after: number, upTo: number): EngineError {
  return new EngineError(
    'refused',
    `the log cannot be read beyond seq ${after} of ${upTo}: run ${IRISX} verify to find the damage`,
  );
}
