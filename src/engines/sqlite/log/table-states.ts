/** What is stored about each projection's table: the version of the code that made it, and how far it reflects the log. */

import type { Database, Statement } from 'better-sqlite3';
import type { Projection } from '../../../core/tables/projection.ts';
import {
  type ProjectionState,
  reflectedSeq,
  type TableProblem,
  tableProblem,
} from '../../../core/tables/table-problem.ts';
import type { EventLog } from './event-log.ts';

/** Statements over one connection. */
export class TableStates {
  readonly #database: Database;
  readonly #log: EventLog;
  readonly #all: Statement<[], ProjectionState>;
  readonly #advance: Statement<[number, string]>;

  constructor(database: Database, log: EventLog) {
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

  /** What is wrong with the tables, read in one transaction; empty if they reflect the whole log. */
  problems(projections: readonly Projection[]): TableProblem[] {
    return this.#atOneMoment((states, head) =>
      projections.flatMap((projection) => tableProblem(projection, states, head) ?? []),
    );
  }

  /** See reflectedSeq() in table-problem.ts; read in one transaction. */
  reflectedSeq(projections: readonly Projection[]): number {
    return this.#atOneMoment((states, head) => reflectedSeq(projections, states, head));
  }

  #atOneMoment<T>(look: (states: ReadonlyMap<string, ProjectionState>, head: number) => T): T {
    return this.#database.transaction(() => look(this.read(), this.#log.head().seq))();
  }
}
