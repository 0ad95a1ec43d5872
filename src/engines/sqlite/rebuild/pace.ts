/** The pace of a rebuild next to a server: short work and longer pauses, because SQLite's lock is not fair. */

import type { Database, Statement } from 'better-sqlite3';
import {
  REBUILD_ALONE_MS,
  REBUILD_COMPUTE_MS,
  REBUILD_PAUSE_TIMES,
  REBUILD_ROWS_FIRST,
  REBUILD_ROWS_MIN,
  REBUILD_WRITE_MS,
} from '../../../core/limits.ts';
import type { WriteTransactions } from '../file/write-transactions.ts';

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
   * Does a piece of work in a write transaction of about REBUILD_WRITE_MS, or of REBUILD_ALONE_MS if nobody else has
   * written recently. The time that it took determines the size of the next piece.
   * @param work does up to `limit` units of work and returns how many it did
   * @returns how many units were done
   */
  async write(work: (limit: number) => number): Promise<number> {
    let startMs = 0;
    let isAlone = false;
    const done = this.#transactions.run(() => {
      startMs = this.#monotonicMs(); // do not count the wait for the lock
      isAlone = this.#isAlone();
      return work(this.#limit);
    });
    const tookMs = Math.max(0.1, this.#monotonicMs() - startMs);
    const wantedMs = isAlone ? REBUILD_ALONE_MS : REBUILD_WRITE_MS;
    if (done > 0) this.#limit = clamp((done * wantedMs) / tookMs, REBUILD_ROWS_MIN, 2 * this.#limit);
    // After every piece: the server's fsync would wait for a long fsync of ours, and its writer for a large WAL.
    this.#database.pragma('wal_checkpoint(PASSIVE)');
    await this.#pause(isAlone ? 0 : pauseMs(tookMs));
    return done;
  }

  /**
   * Repeats `work`, which takes no lock, until it returns false. Pauses every REBUILD_COMPUTE_MS if another connection
   * has written meanwhile.
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

  /** Whether no other connection has committed since the last call. */
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
