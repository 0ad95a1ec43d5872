/** Answers questions about when the log's events arrived, while the writer keeps running. */

import type { Database, Statement } from 'better-sqlite3';

export interface TimeCount {
  /** The start of the time step, as a number of steps since 1970. */
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
    // better-sqlite3 binds a number as REAL, but the division must be an integer one.
    this.#counts = database.prepare(
      `SELECT received_at_ms / CAST(@stepMs AS INTEGER) AS step, type, count(*) AS count
       FROM events WHERE seq > @after AND seq <= @upTo GROUP BY step, type`,
    );
  }

  /** 0 in an empty log. */
  headSeq(): number {
    return this.#head.get() ?? 0;
  }

  /** How many events with `after` < seq ≤ `upTo` arrived in each time step, by type as sent. */
  counts(after: number, upTo: number, stepMs: number): TimeCount[] {
    return this.#counts.all({ after, upTo, stepMs });
  }

  /**
   * The first event that arrived at `atMs` or later; the head's seq + 1 if there is none. A binary search, about twenty
   * reads. Times rise with seq, unless the clock was set or several processes share the log; the result is off by
   * as much then.
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
