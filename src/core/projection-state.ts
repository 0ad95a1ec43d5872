/**
 * How far each projection's table reflects the log. A writer folds only into tables that have its own code's version
 * and are up to date. It leaves tables of other versions alone, whether older or newer.
 */

import type { Database, Statement } from 'better-sqlite3';

export interface ProjectionState {
  readonly name: string;
  /** Version of the code that made the table. */
  readonly version: number;
  /** The table reflects every event up to this one. */
  readonly applied_seq: number;
}

/** Prepared statements on one connection. */
export class ProjectionStates {
  readonly #all: Statement<[], ProjectionState>;
  readonly #advance: Statement<[number, string]>;

  constructor(database: Database) {
    this.#all = database.prepare('SELECT name, version, applied_seq FROM projections');
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
}
