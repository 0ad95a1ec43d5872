/** When the log's events came: questions of people, asked beside the writer. */

import type { Database, Statement } from 'better-sqlite3';

export interface TimeCount {
  /** The step's start, in steps since 1970. */
  readonly step: number;
  /** As sent. */
  readonly type: string | null;
  readonly count: number;
}

export class EventTimes {
  readonly #head: Statement<[], number>;
  readonly #receivedAt: Statement<[number], number>;
  readonly #counts: Statement<[{ after: number; upTo: number; stepMs: number }], TimeCount>;

  constructor(database: Database) {
    this.#head = database.prepare<[], number>('SELECT max(seq) FROM events').pluck();
    this.#receivedAt = database
      .prepare<[number], number>('SELECT received_at_ms FROM events WHERE seq = ?')
      .pluck();
    // A number is bound as REAL, and a step is a whole one.
    this.#counts = database.prepare(
      `SELECT received_at_ms / CAST(@stepMs AS INTEGER) AS step, type, count(*) AS count
       FROM events WHERE seq > @after AND seq <= @upTo GROUP BY step, type`,
    );
  }

  /** 0 in an empty log. */
  headSeq(): number {
    return this.#head.get() ?? 0;
  }

  /** How many events with `after` < seq ≤ `upTo` came in each step of time, by type as sent. */
  counts(after: number, upTo: number, stepMs: number): TimeCount[] {
    return this.#counts.all({ after, upTo, stepMs });
  }

  /**
   * The first event that came at `atMs` or later; the head's seq + 1 if there is none. Looks at some twenty events: times
   * rise with seq, but where a clock was set, or processes share the log, by as much as that.
   */
  firstFrom(atMs: number): number {
    let low = 1;
    let high = this.headSeq() + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#receivedAt.get(middle) ?? 0) < atMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
