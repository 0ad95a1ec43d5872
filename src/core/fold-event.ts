/**
 * Folds one recorded event into its tables and records failures. The same code handles new events, lagging tables and
 * rebuilds. A failed event does not affect the other events of its batch.
 */

import { interpret, type ReadBody } from './event.ts';
import { PARSE_STAGE } from './event-log.ts';
import type { AddFailure, ProjectionTable } from './projection-table.ts';

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
  const interpretation = interpret(read, recorded);
  if (interpretation.kind === 'failure') addFailure(recorded.seq, PARSE_STAGE, interpretation.reason);
  if (interpretation.kind !== 'event') return;
  for (const table of tables) table.fold(interpretation.event, addFailure);
}
