/** Folds ranges of the log into tables: shared by rebuilds, table checks, views of the past and lagging tables. */

import { readBody } from './event.ts';
import type { EventLog } from './event-log.ts';
import { foldEvent } from './fold-event.ts';
import { IRISX } from './packaging.ts';
import type { AddFailure, ProjectionTable } from './projection-table.ts';

export interface Folded {
  /** The last folded event; `after` if none was folded. */
  readonly seq: number;
  /** Approximate size of the bodies. */
  readonly bytes: number;
}

/**
 * Folds the next events with `after` < seq ≤ `upTo`, in memory: as many as the log reads at once.
 * @param skipped events that must not be folded
 * @throws only errors that storageFault() classifies as storage faults
 */
export function foldRange(
  log: EventLog,
  after: number,
  upTo: number,
  tables: readonly ProjectionTable[],
  addFailure: AddFailure,
  skipped: ReadonlySet<number> = new Set(),
): Folded {
  let seq = after;
  let bytes = 0;
  for (const recorded of log.range(after, upTo)) {
    if (!skipped.has(recorded.seq))
      foldEvent(readBody(recorded.body, recorded.eventHeader), recorded, tables, addFailure);
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
