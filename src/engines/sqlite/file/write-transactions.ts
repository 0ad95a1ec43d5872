/**
 * The writer's transactions. SQLite waits for another process's write lock by sleeping longer each time, up to 100 ms,
 * and so misses the pauses of a rebuild. Here the lock is polled five times per millisecond instead.
 */

import type { Database, Statement } from 'better-sqlite3';
import { BUSY_TIMEOUT_MS, LOCK_POLL_US } from '../../../core/limits.ts';
import { blockThread } from './block-thread.ts';
import { storageFault } from './storage-fault.ts';

/** Does the waiting for locks instead of SQLite: the `busy_timeout` of `database` is 0 from then on. */
export class WriteTransactions {
  readonly #database: Database;
  readonly #begin: Statement;
  readonly #commit: Statement;
  /** How long write() waits for the lock. */
  waitMaxMs = BUSY_TIMEOUT_MS;

  constructor(database: Database) {
    database.pragma('busy_timeout = 0');
    this.#database = database;
    this.#begin = database.prepare('BEGIN IMMEDIATE');
    this.#commit = database.prepare('COMMIT');
  }

  /**
   * @param work is called with the write lock held
   * @returns the result of `work`, after the commit's fsync
   * @throws what `work` or SQLite throws, or SQLITE_BUSY after waitMaxMs. The transaction is rolled back then, unless
   *   the file is lost; in that case the connection must not be used again
   */
  write<T>(work: () => T): T {
    this.#take();
    try {
      const result = work();
      this.#commit.run();
      return result;
    } catch (error) {
      // After SQLITE_FULL there is no transaction any more; a lost file must not be touched.
      if (storageFault(error) !== 'lost' && this.#database.inTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #take(): void {
    const untilMs = performance.now() + this.waitMaxMs;
    for (;;) {
      try {
        return void this.#begin.run();
      } catch (error) {
        if (storageFault(error) !== 'busy' || performance.now() >= untilMs) throw error;
      }
      blockThread(LOCK_POLL_US / 1000);
    }
  }
}
