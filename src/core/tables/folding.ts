/** Folds ranges of the log into tables: shared by rebuilds, table checks, views of the past and lagging tables. */

import type { EventLog } from '../../engines/sqlite/log/event-log.ts';
import type { AddFailure, ProjectionTable } from '../../engines/sqlite/log/projection-table.ts';
import { readBody } from '../event/event.ts';
import { WRITER_STAGE } from '../event/recorded-event.ts';
import { IRISX } from '../packaging.ts';
import { foldEvent } from './fold-event.ts';

export interface Folded {
  /** The last folded event; `after` if none was folded. */
  readonly seq: number;
  /** Approximate size of the bodies. */
  readonly bytes: number;
}

/**
 * Folds the next events with `after` < seq ≤ `upTo`, in memory: as many as the log reads at once.
 * @param withUnfolded whether to fold events that were appended without being folded. If not, they keep their failure:
 *   all tables of a log must treat them alike, so only what rebuilds or shows all of them may fold them
 * @throws only errors that storageFault() classifies as storage faults
 */
export function foldRange(
  log: EventLog,
  after: number,
  upTo: number,
  tables: readonly ProjectionTable[],
  addFailure: AddFailure,
  withUnfolded: boolean,
): Folded {
  let seq = after;
  let bytes = 0;
  const range = log.range(after, upTo);
  const unfolded = new Map<number, string>();
  if (!withUnfolded)
    for (const each of log.unfolded(after, range.at(-1)?.seq ?? after)) unfolded.set(each.seq, each.error);
  for (const recorded of range) {
    const error = unfolded.get(recorded.seq);
    if (error !== undefined) addFailure(recorded.seq, WRITER_STAGE, error);
    else foldEvent(readBody(recorded.body, recorded.eventHeader), recorded, tables, addFailure);
    bytes += recorded.body.length;
    seq = recorded.seq;
  }
  return { seq, bytes };
}

/** Error for events that exist but cannot be read: tables without them would be wrong. */
export function unreadable(after: number, upTo: number): Error {
  return new Error(
    `the log cannot be read beyond seq ${after} of ${upTo}: run ${IRISX} verify to find the damage`,
  );
}
