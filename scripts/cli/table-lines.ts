/** Lines about tables for the terminal: how they differ from the log. */

import type { TableCheck } from '../../src/core/engine/engine.ts';
import { harmless } from '../../src/core/logger.ts';
import { IRISX } from '../../src/core/packaging.ts';
import { counted } from './numbers.ts';

/** One line, plus one for each listed difference. */
export function tableLines({ name, rows, differences, differenceCount }: TableCheck): string[] {
  const found = differenceCount === 0 ? 'no difference' : counted(differenceCount, 'difference');
  const lines = [
    `${name}: ${counted(rows, 'row')}, ${found}`,
    ...differences.map((line) => `  ${harmless(line)}`),
  ];
  const more = differenceCount - differences.length;
  return more === 0 ? lines : [...lines, `  and ${counted(more, 'difference')} more`];
}

/** A line about events that a rebuild will fold, unless there are none. */
export function unfoldedLines(unfolded: readonly number[]): string[] {
  if (unfolded.length === 0) return [];
  return [
    `${counted(unfolded.length, 'event')} recorded but not folded, the first is seq ${unfolded[0]}: ${IRISX} rebuild folds them`,
  ];
}
