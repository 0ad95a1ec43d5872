/** The SQL on the table `failures`: the events that a stage could not use, and why. */

import type { Database, Statement } from 'better-sqlite3';
import { type Failure, WRITER_STAGE } from '../../../core/event/recorded-event.ts';

/** Prepared statements on one connection. */
export class Failures {
  readonly #add: Statement<[number, string, string]>;
  readonly #of: Statement<[number], { stage: string; error: string }>;
  readonly #unfolded: Statement<[number, number], { seq: number; error: string }>;

  constructor(database: Database) {
    this.#add = database.prepare(
      'INSERT INTO failures (seq, stage, error) VALUES (?, ?, ?) ON CONFLICT (seq, stage) DO UPDATE SET error = excluded.error',
    );
    this.#of = database.prepare('SELECT stage, error FROM failures WHERE seq = ? ORDER BY error');
    this.#unfolded = database.prepare(
      `SELECT seq, error FROM main.failures AS failure
       WHERE stage = '${WRITER_STAGE}' AND seq > ? AND seq <= ?
         AND EXISTS (SELECT 1 FROM main.events WHERE events.seq = failure.seq)
       ORDER BY seq`,
    );
  }

  /** Records a failure, within the caller's transaction. */
  add({ seq, stage, error }: Failure): void {
    this.#add.run(seq, stage, error);
  }

  /** The failures of an event, ordered by error. */
  of(seq: number): Failure[] {
    return this.#of.all(seq).map((failure) => ({ seq, ...failure }));
  }

  /** The events with `after` < seq ≤ `upTo` that were appended but not folded, and why. */
  unfolded(after: number, upTo: number): { readonly seq: number; readonly error: string }[] {
    return this.#unfolded.all(after, upTo);
  }
}
