/** The comparison of a table with the log, as lines for people. */

import type { TableCheck } from '../../src/core/check-tables.ts';
import { harmless } from '../../src/core/logger.ts';
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
