/** The pace of a rebuild beside a server: short pieces of work, and longer pauses while it writes. SQLite's lock is not fair. */

import type { Database, Statement } from 'better-sqlite3';
import {
  REBUILD_ALONE_MS,
  REBUILD_COMPUTE_MS,
  REBUILD_PAUSE_TIMES,
  REBUILD_ROWS_FIRST,
  REBUILD_ROWS_MIN,
  REBUILD_WRITE_MS,
} from './limits.ts';
import type { WriteTransactions } from './write-transactions.ts';

export class Pace {
  readonly #database: Database;
  readonly #transactions: WriteTransactions;
  readonly #pause: (ms: number) => Promise<void>;
  readonly #monotonicMs: () => number;
  readonly #dataVersion: Statement<[], number>;
  #version: number | undefined;
  #limit = REBUILD_ROWS_FIRST;

  /** @param monotonicMs a clock in milliseconds */
  constructor(
    database: Database,
    transactions: WriteTransactions,
    pause: (ms: number) => Promise<void>,
    monotonicMs: () => number,
  ) {
    this.#database = database;
    this.#transactions = transactions;
    this.#pause = pause;
    this.#monotonicMs = monotonicMs;
    this.#dataVersion = database.prepare<[], number>('PRAGMA data_version').pluck();
  }

  /**
   * Does a piece of work in a write transaction of about REBUILD_WRITE_MS, or of REBUILD_ALONE_MS where nobody else has
   * written lately. The next one's size follows from the time that this one took.
   * @param work does up to `limit` parts of it and returns how many
   * @returns how many it did
   */
  async write(work: (limit: number) => number): Promise<number> {
    let startMs = 0;
    let isAlone = false;
    const done = this.#transactions.run(() => {
      startMs = this.#monotonicMs(); // the wait for the lock is no work
      isAlone = this.#isAlone();
      return work(this.#limit);
    });
    const tookMs = Math.max(0.1, this.#monotonicMs() - startMs);
    const wantedMs = isAlone ? REBUILD_ALONE_MS : REBUILD_WRITE_MS;
    if (done > 0) this.#limit = clamp((done * wantedMs) / tookMs, REBUILD_ROWS_MIN, 2 * this.#limit);
    // Each time: the server's fsync waits for a long one of ours, and its writer for what we leave in the WAL.
    this.#database.pragma('wal_checkpoint(PASSIVE)');
    await this.#pause(isAlone ? 0 : pauseMs(tookMs));
    return done;
  }

  /**
   * Repeats `work`, which takes no lock, until it returns false; pauses every REBUILD_COMPUTE_MS unless nobody else has
   * written meanwhile.
   */
  async compute(work: () => boolean): Promise<void> {
    let startMs = this.#monotonicMs();
    while (work()) {
      const tookMs = this.#monotonicMs() - startMs;
      if (tookMs < REBUILD_COMPUTE_MS) continue;
      if (!this.#isAlone()) await this.#pause(pauseMs(tookMs));
      startMs = this.#monotonicMs();
    }
  }

  /** Whether no other connection has committed since the last time that this was asked. */
  #isAlone(): boolean {
    const before = this.#version;
    this.#version = this.#dataVersion.get();
    return this.#version === before;
  }
}

function pauseMs(tookMs: number): number {
  return Math.ceil(REBUILD_PAUSE_TIMES * tookMs);
}

function clamp(value: number, min: number, max: number): number {
  return Math.round(Math.min(max, Math.max(min, value)));
}
