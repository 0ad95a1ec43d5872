/**
 * The state of the handlers, in a separate file next to the log: each consumer's position and the runs that are not
 * done. A successful run only raises the position. All SQL on that file is here, except its schema.
 *
 * Writes are not fsynced. After a power cut the position may be older, and the events after it run again.
 */

import Sqlite, { type Database, type Statement } from 'better-sqlite3';
import type {
  ConsumerState,
  FailedRun,
  RunChanges,
  RunKey,
  RunStore,
  StoredRun,
} from '../../core/engine/run-store.ts';
import { BUSY_TIMEOUT_MS, RUN_ERROR_CHARS_MAX, RUN_RETRY_LAST_MS } from '../../core/limits.ts';
import { dataVersion, statement } from './file/statement.ts';
import { atEdge } from './file/storage-fault.ts';
import { hasColumn, openRunStoreFile } from './run-store-file.ts';

const COLUMNS = `
  consumer,
  seq,
  subject,
  attempts,
  error,
  failed_at_ms AS failedAtMs,
  next_at_ms AS nextAtMs`;

/** Whether the subject has an earlier run that is not dead. */
function blocked(consumer: string, subject: string, seq: string): string {
  return `EXISTS (
    SELECT 1 FROM failed_runs AS earlier
    WHERE earlier.consumer = ${consumer}
      AND earlier.subject = ${subject}
      AND earlier.seq < ${seq}
      AND earlier.next_at_ms IS NOT NULL
  )`;
}

// If the clock was set back, a run must not be delayed far beyond the longest delay.
const DUE = `
  SELECT ${COLUMNS} FROM failed_runs
  WHERE consumer = @consumer AND is_blocked = 0 AND next_at_ms IS NOT NULL
    AND (next_at_ms <= @nowMs OR next_at_ms > @nowMs + ${2 * RUN_RETRY_LAST_MS})
  ORDER BY next_at_ms LIMIT @limit`;

const IS_BLOCKED = `SELECT ${blocked('@consumer', '@subject', '@seq')} AS found`;

// `is_alone` is for earlier code, which requires it.
const PUT = `
  INSERT INTO failed_runs
    (consumer, seq, subject, attempts, error, failed_at_ms, next_at_ms, is_blocked, is_alone)
  VALUES (
    @consumer,
    @seq,
    @subject,
    @attempts,
    @error,
    @failedAtMs,
    @nextAtMs,
    @nextAtMs IS NOT NULL AND ${blocked('@consumer', '@subject', '@seq')},
    0
  )
  ON CONFLICT (consumer, seq) DO UPDATE SET
    attempts = excluded.attempts,
    error = excluded.error,
    failed_at_ms = excluded.failed_at_ms,
    next_at_ms = excluded.next_at_ms,
    is_blocked = excluded.is_blocked`;

const UNBLOCK = `
  UPDATE failed_runs SET is_blocked = 0
  WHERE consumer = @consumer AND is_blocked = 1 AND seq = (
    SELECT min(seq) FROM failed_runs
    WHERE consumer = @consumer AND subject = @subject AND next_at_ms IS NOT NULL
  )`;

const MOVE = `
  UPDATE consumers SET settled_seq = @seq, settled_chain = @chain
  WHERE name = @consumer AND generation = @generation`;

export class SqliteRunStore implements RunStore {
  readonly #database: Database;

  /** @throws EngineError `refused` */
  constructor(path: string) {
    this.#database = openRunStoreFile(path);
  }

  #sql<R>(sql: string): Statement<unknown[], R> {
    return statement(this.#database, sql);
  }

  async version(): Promise<unknown> {
    return atEdge(() => dataVersion(this.#database));
  }

  async consumer(name: string): Promise<ConsumerState | undefined> {
    return (await this.consumers()).find((state) => state.name === name);
  }

  async consumers(): Promise<ConsumerState[]> {
    return atEdge(() => consumerStates(this.#database));
  }

  async moveTo(consumer: string, seq: number, chain: Uint8Array): Promise<void> {
    await this.#inTransaction(() => this.#moveTo(consumer, seq, chain));
  }

  #moveTo(consumer: string, seq: number, chain: Uint8Array): void {
    this.#forgetAfter(consumer, seq);
    this.#sql(
      `INSERT INTO consumers (name, settled_seq, settled_chain, generation) VALUES (?, ?, ?, 1)
         ON CONFLICT (name) DO UPDATE SET
           settled_seq = excluded.settled_seq,
           settled_chain = excluded.settled_chain,
           generation = generation + 1`,
    ).run(consumer, seq, chain);
  }

  async forgetAfter(consumer: string, seq: number): Promise<void> {
    await atEdge(() => this.#forgetAfter(consumer, seq));
  }

  /** No earlier run is blocked by what it forgets. */
  #forgetAfter(consumer: string, seq: number): void {
    this.#sql('DELETE FROM failed_runs WHERE consumer = ? AND seq > ?').run(consumer, seq);
  }

  async write(consumer: string, { position, runs, ended }: RunChanges): Promise<boolean> {
    return this.#inTransaction(() => {
      const sql = 'SELECT settled_seq AS seq, generation FROM consumers WHERE name = ?';
      const found = this.#sql<{ seq: number; generation: number }>(sql).get(consumer);
      const isKept = ({ seq }: RunKey) =>
        found?.generation === position.generation || seq <= (found?.seq ?? 0);
      for (const { seq, subject } of ended.filter(isKept)) {
        this.#sql('DELETE FROM failed_runs WHERE consumer = ? AND seq = ?').run(consumer, seq);
        this.#sql(UNBLOCK).run({ consumer, subject });
      }
      for (const run of runs.filter(isKept)) {
        this.#sql(PUT).run({ ...run, error: run.error.slice(0, RUN_ERROR_CHARS_MAX) });
        if (run.nextAtMs === null) this.#sql(UNBLOCK).run({ consumer, subject: run.subject });
      }
      return this.#sql(MOVE).run({ consumer, ...position }).changes === 1;
    });
  }

  async due(consumer: string, nowMs: number, limit: number): Promise<StoredRun[]> {
    return atEdge(() => this.#sql<StoredRun>(DUE).all({ consumer, nowMs, limit }));
  }

  async nextAtMs(consumer: string, nowMs: number): Promise<number | undefined> {
    const sql = `
      SELECT min(next_at_ms) AS atMs FROM failed_runs
      WHERE consumer = ? AND is_blocked = 0 AND next_at_ms > ?`;
    return atEdge(() => this.#sql<{ atMs: number | null }>(sql).get(consumer, nowMs)?.atMs ?? undefined);
  }

  async isBlocked(consumer: string, { seq, subject }: RunKey): Promise<boolean> {
    return atEdge(
      () => this.#sql<{ found: number }>(IS_BLOCKED).get({ consumer, seq, subject })?.found === 1,
    );
  }

  async runsAfter(consumer: string, seq: number, limit = -1): Promise<StoredRun[]> {
    const sql = `SELECT ${COLUMNS} FROM failed_runs WHERE consumer = ? AND seq > ? ORDER BY seq LIMIT ?`;
    return atEdge(() => this.#sql<StoredRun>(sql).all(consumer, seq, limit));
  }

  async setState(consumer: string, state: 'running' | 'held up', nowMs: number): Promise<void> {
    const sql = 'UPDATE consumers SET state = ?, ran_at_ms = coalesce(?, ran_at_ms) WHERE name = ?';
    const ranAtMs = state === 'running' ? nowMs : null;
    await atEdge(() => this.#sql(sql).run(state, ranAtMs, consumer));
  }

  /** Earlier code may have written to the file, and does not know that runs can be blocked. */
  async takeOver(): Promise<void> {
    await this.#inTransaction(() => {
      this.#sql("UPDATE consumers SET state = 'stopped'").run();
      this.#findBlocked();
    });
  }

  async resume(
    consumer: string,
    from: { readonly seq: number; readonly chain: Uint8Array } | undefined,
    nowMs: number,
  ): Promise<void> {
    await this.#inTransaction(() => {
      this.#sql('UPDATE consumers SET ran_at_ms = ? WHERE name = ?').run(nowMs, consumer);
      if (from === undefined) return;
      this.#moveTo(consumer, from.seq, from.chain);
      const sql = 'UPDATE failed_runs SET next_at_ms = NULL, is_blocked = 0 WHERE consumer = ?';
      this.#sql(sql).run(consumer);
    });
  }

  async failed(limit: number): Promise<FailedRun[]> {
    const sql = `
      SELECT ${COLUMNS},
        CASE WHEN next_at_ms IS NULL THEN 0 ELSE (
          SELECT count(*) FROM failed_runs AS later
          WHERE later.consumer = failed_runs.consumer
            AND later.subject = failed_runs.subject
            AND later.is_blocked = 1
            AND later.next_at_ms IS NOT NULL
        ) END AS blocks
      FROM failed_runs WHERE is_blocked = 0 ORDER BY seq, consumer LIMIT ?`;
    return atEdge(() => this.#sql<FailedRun>(sql).all(limit));
  }

  async retry(seqs: readonly number[] | undefined, nowMs: number): Promise<number> {
    const sql = 'UPDATE failed_runs SET attempts = 0, next_at_ms = ? WHERE is_blocked = 0';
    return this.#change(sql, [nowMs], seqs);
  }

  async skip(seqs: readonly number[]): Promise<number> {
    return this.#change('DELETE FROM failed_runs WHERE true', [], seqs);
  }

  /** @param seqs undefined for all @returns how many runs were changed */
  #change(sql: string, values: readonly unknown[], seqs: readonly number[] | undefined): Promise<number> {
    return this.#inTransaction(() => {
      const statement = this.#sql(seqs === undefined ? sql : `${sql} AND seq = ?`);
      const each = seqs?.map((seq) => [...values, seq]) ?? [values];
      const count = each.reduce((sum, bound) => sum + statement.run(...bound).changes, 0);
      this.#findBlocked();
      return count;
    });
  }

  /** Works out for every run whether it is blocked. Single changes of the dispatcher need less: see write(). */
  #findBlocked(): void {
    const isBlocked = `next_at_ms IS NOT NULL AND ${blocked('failed_runs.consumer', 'failed_runs.subject', 'failed_runs.seq')}`;
    this.#database.exec(
      `UPDATE failed_runs SET is_blocked = NOT is_blocked WHERE is_blocked <> (${isBlocked})`,
    );
  }

  #inTransaction<T>(work: () => T): Promise<T> {
    return atEdge(() => this.#database.transaction(work).immediate());
  }

  async close(): Promise<void> {
    await atEdge(() => this.#database.close());
  }
}

/** The consumers in a state file, which is not changed. */
export function consumersIn(path: string): ConsumerState[] {
  const database = new Sqlite(path, { readonly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    return consumerStates(database);
  } finally {
    database.close();
  }
}

/** The connection may be read-only, and the file from before runs could be blocked. */
function consumerStates(database: Database): ConsumerState[] {
  const isBlocked = hasColumn(database, 'failed_runs', 'is_blocked') ? 'is_blocked = 1' : 'false';
  const count = (condition: string) =>
    `(SELECT count(*) FROM failed_runs WHERE consumer = name AND ${condition})`;
  return database
    .prepare<[], ConsumerState>(
      `SELECT
         name,
         settled_seq AS seq,
         settled_chain AS chain,
         generation,
         state,
         ran_at_ms AS ranAtMs,
         ${count(`next_at_ms IS NOT NULL AND NOT ${isBlocked}`)} AS waiting,
         ${count(isBlocked)} AS blocked,
         ${count('next_at_ms IS NULL')} AS dead
       FROM consumers ORDER BY name`,
    )
    .all();
}
