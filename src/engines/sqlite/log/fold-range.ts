/** Folds ranges of the log into tables, in memory: for tables that lag, rebuilds, comparisons and views of the past. */

import { EngineError } from '../../../core/engine-error.ts';
import type { Failure } from '../../../core/event/recorded-event.ts';
import { IRISX } from '../../../core/packaging.ts';
import { fold } from '../../../core/tables/fold.ts';
import { prepareRecorded } from '../../../core/tables/prepare.ts';
import type { EventLog } from './event-log.ts';
import { changeRows, loadRows, type Rows } from './rows.ts';

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
  const leftOut = new Map(
    withUnfolded ? [] : log.failures.unfolded(after, seq).map((event) => [event.seq, event.error]),
  );
  const projections = tables.map(({ projection }) => projection);
  const events = range.map((recorded) => ({
    seq: recorded.seq,
    prepared: prepareRecorded(recorded, projections, leftOut.get(recorded.seq)),
  }));
  const before = loadRows(
    tables,
    events.map(({ prepared }) => prepared),
  );
  const folded = fold(events, before);
  changeRows(tables, folded);
  const bytes = range.reduce((sum, { body }) => sum + body.length, 0);
  return { seq, bytes, failures: folded.failures };
}

/** Error for events that exist but cannot be read: tables without them would be wrong. */
export function unreadable(after: number, upTo: number): EngineError {
  return new EngineError(
    'refused',
    `the log cannot be read beyond seq ${after} of ${upTo}: run ${IRISX} verify to find the damage`,
  );
}
