/**
 * Does the work of a rebuild next to a server in time slices: short transactions with longer pauses, because SQLite's
 * lock is not fair.
 */

import { setTimeout as wait } from 'node:timers/promises';
import type { Database } from 'better-sqlite3';
import {
  REBUILD_ALONE_MS,
  REBUILD_COMPUTE_MS,
  REBUILD_PAUSE_TIMES,
  REBUILD_ROWS_FIRST,
  REBUILD_ROWS_MIN,
  REBUILD_WRITE_MS,
} from '../../../core/limits.ts';
import { dataVersion } from '../file/statement.ts';
import type { WriteTransactions } from '../file/write-transactions.ts';

export class TimeSlices {
  readonly #database: Database;
  readonly #transactions: WriteTransactions;
  readonly #pause: (ms: number) => Promise<unknown>;
  readonly #monotonicMs: () => number;
  #version: number | undefined;
  #limit = REBUILD_ROWS_FIRST;

  /** @param pause waits for some milliseconds @param monotonicMs a clock in milliseconds */
  constructor(
    database: Database,
    transactions: WriteTransactions,
    pause: (ms: number) => Promise<unknown> = wait,
    monotonicMs: () => number = () => performance.now(),
  ) {
    this.#database = database;
    this.#transactions = transactions;
    this.#pause = pause;
    this.#monotonicMs = monotonicMs;
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
    const done = this.#transactions.write(() => {
      startMs = this.#monotonicMs(); // do not count the wait for the lock
      isAlone = this.#isAlone();
      return work(this.#limit);
    });
    const tookMs = Math.max(0.1, this.#monotonicMs() - startMs);
    const wantedMs = isAlone ? REBUILD_ALONE_MS : REBUILD_WRITE_MS;
    const fitting = Math.round((done * wantedMs) / tookMs);
    if (done > 0) this.#limit = Math.min(2 * this.#limit, Math.max(REBUILD_ROWS_MIN, fitting));
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
    this.#version = dataVersion(this.#database);
    return this.#version === before;
  }
}

function pauseMs(tookMs: number): number {
  return Math.ceil(REBUILD_PAUSE_TIMES * tookMs);
}
