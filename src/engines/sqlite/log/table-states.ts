/** What is stored about each projection's table: the version of the code that made it, and how far it reflects the log. */

import type { Database } from 'better-sqlite3';
import type { Projection } from '../../../core/tables/projection.ts';
import { type ProjectionState, type TableProblem, tableProblem } from '../../../core/tables/table-problem.ts';
import { statement } from '../file/statement.ts';
import { headOf } from './event-log.ts';

const ALL = `
  SELECT name, version, applied_seq FROM projections
  WHERE name IN (SELECT name FROM main.sqlite_master WHERE type = 'table')`;
const SET = `
  INSERT INTO projections (name, version, applied_seq) VALUES (?, ?, ?)
  ON CONFLICT (name) DO UPDATE SET version = excluded.version, applied_seq = excluded.applied_seq`;

/** Records that this code's table reflects every event up to `seq`. */
export function setTableState(database: Database, { name, version }: Projection, seq: number): void {
  statement(database, SET).run(name, version, seq);
}

/** What is wrong with the tables, in one snapshot with the head; empty if they reflect the whole log. */
export function tableProblems(database: Database, projections: readonly Projection[]): TableProblem[] {
  return database.transaction(() => {
    const states = new Map(
      statement<[], ProjectionState>(database, ALL)
        .all()
        .map((each) => [each.name, each]),
    );
    const { seq } = headOf(database);
    return projections.flatMap((projection) => tableProblem(projection, states, seq) ?? []);
  })();
}

/** The last event that all the tables reflect. A table made by newer code counts as up to date. */
export function reflectedSeqOf(database: Database, projections: readonly Projection[]): number {
  return database.transaction(() => {
    const problems = tableProblems(database, projections);
    return Math.min(headOf(database).seq, ...problems.map(({ reflectedSeq }) => reflectedSeq));
  })();
}
