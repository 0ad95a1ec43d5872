/**
 * Folds one recorded event into the tables it belongs to and notes what could not be used. The same code serves
 * a new event, a lagging table and a rebuild. One event's failure is its own: the others of a batch go on.
 */

import { type Interpretation, interpret, type ReadBody } from './event.ts';
import { FieldError } from './fields.ts';
import type { ProjectionTable } from './projection-table.ts';
import { faultText, storageFault } from './storage-fault.ts';

/** The stage of a failure that is not a projection's. */
export const PARSE_STAGE = 'parse';

/** Where failures are noted; `stage` is `parse` or a projection's name. */
export type AddFailure = (seq: number, stage: string, error: string) => void;

/**
 * @param tables those that are to have the event
 * @returns whether every stage could use the event
 * @throws only what storageFault() calls a fault of storage
 */
export function foldEvent(
  read: ReadBody,
  recorded: { readonly seq: number; readonly signedAt: number },
  tables: Iterable<ProjectionTable>,
  addFailure: AddFailure,
): boolean {
  const interpretation: Interpretation = interpret(read, recorded);
  if (interpretation.kind === 'no-table') return true;
  if (interpretation.kind === 'failure') {
    addFailure(recorded.seq, PARSE_STAGE, interpretation.reason);
    return false;
  }
  let usable = true;
  for (const table of tables) {
    try {
      table.fold(interpretation.event);
    } catch (error) {
      if (storageFault(error) !== 'other') throw error;
      usable = false;
      addFailure(recorded.seq, table.projection.name, reasonOf(error));
    }
  }
  return usable;
}

/** A FieldError explains itself; anything else is a defect of the projection, and says so. */
function reasonOf(error: unknown): string {
  return error instanceof FieldError ? error.message : `the projection failed: ${faultText(error)}`;
}
