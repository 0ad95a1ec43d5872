/**
 * Folds one recorded event into its tables and records failures. The same code handles new events, lagging tables and
 * rebuilds. A failed event does not affect the other events of its batch.
 */

import type { AddFailure, ProjectionTable } from '../../engines/sqlite/log/projection-table.ts';
import { type Interpretation, interpret, type ReadBody } from '../event/event.ts';
import { PARSE_STAGE } from '../event/recorded-event.ts';

/**
 * @param tables the tables that should have the event once their write() is called
 * @throws only errors that storageFault() classifies as storage faults
 */
export function foldEvent(
  read: ReadBody,
  recorded: { readonly seq: number; readonly signedAt: number },
  tables: Iterable<ProjectionTable>,
  addFailure: AddFailure,
): void {
  const interpretation = interpretationOf(read, recorded);
  if (interpretation.kind === 'failure') addFailure(recorded.seq, PARSE_STAGE, interpretation.reason);
  if (interpretation.kind !== 'event') return;
  for (const table of tables) table.fold({ ...interpretation.event, seq: recorded.seq }, addFailure);
}

/** A defect in reading one event is a failure of that event, now and in every rebuild. */
function interpretationOf(
  read: ReadBody,
  recorded: { readonly seq: number; readonly signedAt: number },
): Interpretation {
  try {
    return interpret(read, recorded.signedAt);
  } catch (error) {
    return { kind: 'failure', reason: defectReason(error) };
  }
}

/** The reason of a failure that is the receiver's own fault. The error's message may contain text from the delivery. */
export function defectReason(error: unknown): string {
  return `the receiver failed on this event (${nameOf(error)})`;
}

function nameOf(error: unknown): string {
  try {
    const { code, name } = Object(error) as { code?: unknown; name?: unknown };
    return String(code ?? name ?? 'unknown error');
  } catch {
    return 'unknown error';
  }
}
