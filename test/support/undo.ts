/** What a test has opened is closed after it, the last one first. */

import { afterEach } from 'node:test';

export type Undo = () => unknown;

/**
 * For a file of tests.
 * @returns a function that registers what must be undone after the current test
 */
export function undoneAfterEach(): (undo: Undo) => void {
  const undos: Undo[] = [];
  afterEach(() => undoAll(undos.splice(0)));
  return (undo) => void undos.push(undo);
}

/** Runs all of them, the last one first. If one throws, its error is thrown after all have run. */
export async function undoAll(undos: readonly Undo[]): Promise<void> {
  const errors: unknown[] = [];
  for (const undo of undos.toReversed()) {
    try {
      await undo();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
