/**
 * Folds one recorded event into the tables it belongs to and notes what could not be used. The same code serves
 * a new event, a lagging table and a rebuild. One event's failure is its own: the others of a batch go on.
 */

import { interpret, type ReadBody } from './event.ts';
import { PARSE_STAGE } from './event-log.ts';
import type { AddFailure, ProjectionTable } from './projection-table.ts';

/**
 * @param tables those that are to have the event, once their write() is called
 * @throws only what storageFault() calls a fault of storage
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
