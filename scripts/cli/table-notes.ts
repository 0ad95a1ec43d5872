/** Warnings for commands that read the tables. */

import type { Reader } from '../../src/core/engine/reader.ts';

/** Prints a line on standard error for each table that does not reflect the log: its rows must not look up to date. */
export async function noteTableProblems(reader: Reader): Promise<void> {
  for (const { text } of await reader.tableProblems()) process.stderr.write(`note: ${text}\n`);
}
