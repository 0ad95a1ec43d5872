/** Folds stretches of the log into tables: what a rebuild, a comparison, a look back and a lagging table have in common. */

import { readBody } from './event.ts';
import type { EventLog } from './event-log.ts';
import { foldEvent } from './fold-event.ts';
import { IRISX } from './packaging.ts';
import type { AddFailure, ProjectionTable } from './projection-table.ts';

export interface Folded {
  /** The last event; `after` where there is none. */
  readonly seq: number;
  /** Of bodies, about. */
  readonly bytes: number;
}

/**
 * Folds the next events with `after` < seq ≤ `upTo`, in memory: as many as the log reads at once.
 * @param skipped events that are not to be folded
 * @throws only what storageFault() calls a fault of storage
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

/** Events that must be there cannot be read: tables without them would be wrong. */
export function unreadable(after: number, upTo: number): Error {
  return new Error(
    `the log cannot be read beyond seq ${after} of ${upTo}: ${IRISX} verify tells what is damaged`,
  );
}
