/**
 * How far each projection's table reflects the log. A writer folds only into tables that have its own code's version
 * and are up to date. It leaves tables of other versions alone, whether older or newer.
 */

import type { Database, Statement } from 'better-sqlite3';
import { IRISX } from '../../../core/packaging.ts';
import type { Projection } from '../../../core/tables/projection.ts';
import { EventLog } from './event-log.ts';

export interface ProjectionState {
  readonly name: string;
  /** Version of the code that made the table. */
  readonly version: number;
  /** The table reflects every event up to this one. It may be beyond the log's end: see markAhead(). */
  readonly applied_seq: number;
}

/** Why a table does not reflect the log. */
export interface TableProblem {
  readonly projection: Projection;
  /**
   * - `missing`, `older`, `ahead`: a rebuild fixes it, and a running server starts one.
   * - `behind`: the writer folds what is missing.
   * - `newer`: newer code made it, and only newer code may change it.
   */
  readonly kind: 'missing' | 'older' | 'ahead' | 'behind' | 'newer';
  /** One line for the operator: the same in the log and in every command. */
  readonly text: string;
}

/** Statements over one connection. */
export class ProjectionStates {
  readonly #database: Database;
  readonly #all: Statement<[], ProjectionState>;
  readonly #advance: Statement<[number, string]>;
  readonly #log: EventLog;

  constructor(database: Database, log: EventLog = new EventLog(database)) {
    this.#database = database;
    this.#log = log;
    this.#all = database.prepare(
      `SELECT name, version, applied_seq FROM projections
       WHERE name IN (SELECT name FROM main.sqlite_master WHERE type = 'table')`,
    );
    this.#advance = database.prepare('UPDATE projections SET applied_seq = ? WHERE name = ?');
  }

  /** Returns the states by name. Call it inside the transaction that depends on it: other processes rebuild too. */
  read(): Map<string, ProjectionState> {
    return new Map(this.#all.all().map((state) => [state.name, state]));
  }

  /** Records that the table of `name` reflects every event up to `seq`. */
  advance(name: string, seq: number): void {
    this.#advance.run(seq, name);
  }

  /** Records, until the next rebuild, that the table of `name` reflects events that are not in the log. */
  markAhead(name: string): void {
    this.#advance.run(Number.MAX_SAFE_INTEGER, name);
  }

  /** The last event that all the tables reflect. A table made by newer code counts as up to date. */
  reflectedSeq(projections: readonly Projection[]): number {
    return this.#atOneMoment((states, head) => {
      const reflected = projections.map((projection) => {
        const kind = tableProblem(projection, states, head)?.kind;
        if (kind === undefined || kind === 'newer') return head;
        return kind === 'behind' ? (states.get(projection.name)?.applied_seq ?? 0) : 0;
      });
      return Math.min(head, ...reflected);
    });
  }

  /** What is wrong with the tables, read in one transaction; empty if they reflect the whole log. */
  problems(projections: readonly Projection[]): TableProblem[] {
    return this.#atOneMoment((states, head) =>
      projections.flatMap((projection) => tableProblem(projection, states, head) ?? []),
    );
  }

  #atOneMoment<T>(look: (states: ReadonlyMap<string, ProjectionState>, head: number) => T): T {
    return this.#database.transaction(() => look(this.read(), this.#log.head().seq))();
  }
}

/** @param head the log's last seq, read in the same transaction as `states` */
export function tableProblem(
  projection: Projection,
  states: ReadonlyMap<string, ProjectionState>,
  head: number,
): TableProblem | undefined {
  const { name, version } = projection;
  const state = states.get(name);
  const problem = (kind: TableProblem['kind'], what: string, hint: string): TableProblem => ({
    projection,
    kind,
    text: `the table ${name} ${what}: ${hint}`,
  });
  const rebuilt = `a running server rebuilds it; otherwise run ${IRISX} rebuild`;
  if (state === undefined) return problem('missing', 'has not been built yet', rebuilt);
  const versions = `(version ${state.version}, this code has ${version})`;
  if (state.version > version)
    return problem(
      'newer',
      `was made by newer code ${versions}`,
      'update the program; until then this code does not change the table',
    );
  if (state.version < version) return problem('older', `was made by older code ${versions}`, rebuilt);
  const applied = state.applied_seq;
  if (applied > head)
    return problem('ahead', `reflects events that are not in the log, which ends with seq ${head}`, rebuilt);
  if (applied < head)
    return problem(
      'behind',
      `reflects the log up to seq ${applied} of ${head}`,
      `a running server brings it up to date; otherwise run ${IRISX} rebuild`,
    );
  return undefined;
}
