/** What a reader of the tables must know of them before anything else. */

import type { Database } from 'better-sqlite3';
import { ProjectionStates } from '../../src/core/projection-state.ts';
import { derivations } from '../../src/projections/index.ts';

/** Says on standard error, a line each, which tables do not reflect the log, so that stale rows are not taken for current ones. */
export function noteTableProblems(database: Database): void {
  for (const { text } of new ProjectionStates(database).problems(derivations.projections))
    process.stderr.write(`note: ${text}\n`);
}
