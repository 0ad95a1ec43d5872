/** What is stored about each projection's table: the version of the code that made it, and how far it reflects the log. */

import type { Database } from 'better-sqlite3';
import type { Projection } from '../../../core/tables/projection.ts';
import {
  type ProjectionState,
  reflectedSeq,
  type TableProblem,
  tableProblem,
} from '../../../core/tables/table-problem.ts';
import { statement } from '../file/statement.ts';
import { headOf } from './event-log.ts';

const ALL = `
  SELECT name, version, applied_seq FROM projections
  WHERE name IN (SELECT name FROM main.sqlite_master WHERE type = 'table')`;
const SET = `
  INSERT INTO projections (name, version, applied_seq) VALUES (?, ?, ?)
  ON CONFLICT (name) DO UPDATE SET version = excluded.version, applied_seq = excluded.applied_seq`;

/** Returns the states by name. Call it inside the transaction that depends on it: other processes rebuild too. */
export function tableStates(database: Database): Map<string, ProjectionState> {
  const states = statement<[], ProjectionState>(database, ALL).all();
  return new Map(states.map((state) => [state.name, state]));
}

/** Records that this code's table reflects every event up to `seq`. */
export function setTableState(database: Database, { name, version }: Projection, seq: number): void {
  statement(database, SET).run(name, version, seq);
}

/** What is wrong with the tables, read in one transaction; empty if they reflect the whole log. */
export function tableProblems(database: Database, projections: readonly Projection[]): TableProblem[] {
  return atOneMoment(database, (states, head) =>
    projections.flatMap((projection) => tableProblem(projection, states, head) ?? []),
  );
}

/** See reflectedSeq() in table-problem.ts; read in one transaction. */
export function reflectedSeqOf(database: Database, projections: readonly Projection[]): number {
  return atOneMoment(database, (states, head) => reflectedSeq(projections, states, head));
}

function atOneMoment<T>(
  database: Database,
  look: (states: ReadonlyMap<string, ProjectionState>, head: number) => T,
): T {
  return database.transaction(() => look(tableStates(database), headOf(database).seq))();
}
