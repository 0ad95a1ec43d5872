/** Warnings for commands that read the tables. */

import type { Database } from 'better-sqlite3';
import { ProjectionStates } from '../../src/engines/sqlite/log/projection-state.ts';
import { derivations } from '../../src/projections/index.ts';

/** Prints a line on standard error for each table that does not reflect the log: its rows must not look up to date. */
export function noteTableProblems(database: Database): void {
  for (const { text } of new ProjectionStates(database).problems(derivations.projections))
    process.stderr.write(`note: ${text}\n`);
}
