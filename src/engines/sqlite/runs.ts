/**
 * The state of the handlers, in a separate file next to the log: each consumer's position and the failed runs.
 * A successful run only raises the position. All SQL on that file is here, except its schema.
 *
 * Writes are not fsynced. After a power cut the position may be older, and the events after it run again.
 */

import Sqlite, { type Database, type Statement } from 'better-sqlite3';
import type {
  ConsumerState,
  FailedRun,
  Position,
  RunChanges,
  RunStore,
} from '../../core/engine/run-store.ts';
import { BUSY_TIMEOUT_MS, RUN_ERROR_CHARS_MAX, RUN_RETRY_LAST_MS } from '../../core/limits.ts';
import { atEdge } from './file/storage-fault.ts';
import { openRunStoreFile } from './run-store-file.ts';

type Row = Omit<FailedRun, 'isAlone'> & { readonly isAlone: number };

const COLUMNS = `
  consumer,
  seq,
  attempts,
  error,
  failed_at_ms AS failedAtMs,
  next_at_ms AS nextAtMs,
  is_alone AS isAlone`;

export class SqliteRunStore implements RunStore {
  readonly #database: Database;
  readonly #position: Statement;
  readonly #due: Statement;
  readonly #nextAt: Statement;
  readonly #failedRun: Statement;
  readonly #fail: Statement;
  readonly #end: Statement;
  readonly #move: Statement;
  readonly #dataVersion: Statement;

  /** @throws EngineError `refused` */
  constructor(path: string) {
    this.#database = openRunStoreFile(path);
    this.#position = this.#database.prepare(
      'SELECT settled_seq AS seq, settled_chain AS chain, generation FROM consumers WHERE name = ?',
    );
    // If the clock was set back, a run must not be delayed far beyond the longest delay.
    this.#due = this.#database.prepare(`
      SELECT ${COLUMNS} FROM failed_runs
      WHERE consumer = @consumer AND (next_at_ms <= @nowMs OR next_at_ms > @nowMs + ${2 * RUN_RETRY_LAST_MS})
      ORDER BY next_at_ms LIMIT @limit`);
    this.#nextAt = this.#database
      .prepare('SELECT min(next_at_ms) FROM failed_runs WHERE consumer = ? AND next_at_ms > ?')
      .pluck();
    this.#failedRun = this.#database.prepare(
      `SELECT ${COLUMNS} FROM failed_runs WHERE consumer = ? AND seq = ?`,
    );
    this.#fail = this.#database.prepare(`
      INSERT INTO failed_runs (consumer, seq, attempts, error, failed_at_ms, next_at_ms, is_alone)
      VALUES (@consumer, @seq, @attempts, @error, @failedAtMs, @nextAtMs, @isAlone)
      ON CONFLICT (consumer, seq) DO UPDATE SET
        attempts = excluded.attempts,
        error = excluded.error,
        failed_at_ms = excluded.failed_at_ms,
        next_at_ms = excluded.next_at_ms,
        is_alone = excluded.is_alone`);
    this.#end = this.#database.prepare('DELETE FROM failed_runs WHERE consumer = ? AND seq = ?');
    this.#move = this.#database.prepare(`
      UPDATE consumers SET settled_seq = @seq, settled_chain = @chain
      WHERE name = @consumer AND generation = @generation`);
    this.#dataVersion = this.#database.prepare('PRAGMA data_version').pluck();
  }

  async version(): Promise<unknown> {
    return atEdge(() => this.#dataVersion.get());
  }

  async position(consumer: string): Promise<Position | undefined> {
    return atEdge(() => this.#positionOf(consumer));
  }

  #positionOf(consumer: string): Position | undefined {
    return this.#position.get(consumer) as Position | undefined;
  }

  async moveTo(consumer: string, seq: number, chain: Uint8Array): Promise<void> {
    await atEdge(() => this.#moveTo(consumer, seq, chain));
  }

  #moveTo(consumer: string, seq: number, chain: Uint8Array): void {
    this.#database
      .prepare(
        `INSERT INTO consumers (name, settled_seq, settled_chain, generation) VALUES (?, ?, ?, 1)
         ON CONFLICT (name) DO UPDATE SET
           settled_seq = excluded.settled_seq,
           settled_chain = excluded.settled_chain,
           generation = generation + 1`,
      )
      .run(consumer, seq, chain);
  }

  async replayFrom(consumer: string, from: number, chain: Uint8Array): Promise<void> {
    await this.#inTransaction(() => {
      this.#forgetAfter(consumer, from - 1);
      this.#moveTo(consumer, from - 1, chain);
    });
  }

  async forgetAfter(consumer: string, seq: number): Promise<void> {
    await atEdge(() => this.#forgetAfter(consumer, seq));
  }

  #forgetAfter(consumer: string, seq: number): void {
    this.#database.prepare('DELETE FROM failed_runs WHERE consumer = ? AND seq > ?').run(consumer, seq);
  }

  async write(consumer: string, { position, failed, ended }: RunChanges): Promise<boolean> {
    return this.#inTransaction(() => {
      const found = this.#positionOf(consumer);
      const isOurs = found?.generation === position.generation;
      const isKept = (seq: number) => isOurs || seq <= (found?.seq ?? 0);
      for (const run of failed) {
        if (!isKept(run.seq)) continue;
        this.#fail.run({
          ...run,
          error: run.error.slice(0, RUN_ERROR_CHARS_MAX),
          isAlone: Number(run.isAlone),
        });
      }
      for (const seq of ended) if (isKept(seq)) this.#end.run(consumer, seq);
      return this.#move.run({ consumer, ...position }).changes === 1;
    });
  }

  async due(consumer: string, nowMs: number, limit: number): Promise<FailedRun[]> {
    return atEdge(() => (this.#due.all({ consumer, nowMs, limit }) as Row[]).map(runOf));
  }

  async nextAtMs(consumer: string, nowMs: number): Promise<number | undefined> {
    return atEdge(() => (this.#nextAt.get(consumer, nowMs) as number | null) ?? undefined);
  }

  async setState(consumer: string, state: 'running' | 'held up', nowMs: number): Promise<void> {
    const sql = 'UPDATE consumers SET state = ?, ran_at_ms = coalesce(?, ran_at_ms) WHERE name = ?';
    const ranAtMs = state === 'running' ? nowMs : null;
    await atEdge(() => this.#database.prepare(sql).run(state, ranAtMs, consumer));
  }

  async stopAll(): Promise<void> {
    await atEdge(() => this.#database.prepare("UPDATE consumers SET state = 'stopped'").run());
  }

  async resume(
    consumer: string,
    from: { readonly seq: number; readonly chain: Uint8Array } | undefined,
    nowMs: number,
  ): Promise<void> {
    await this.#inTransaction(() => {
      this.#database.prepare('UPDATE consumers SET ran_at_ms = ? WHERE name = ?').run(nowMs, consumer);
      if (from === undefined) return;
      this.#moveTo(consumer, from.seq, from.chain);
      this.#database.prepare('UPDATE failed_runs SET next_at_ms = NULL WHERE consumer = ?').run(consumer);
    });
  }

  async consumer(name: string): Promise<ConsumerState | undefined> {
    return (await this.consumers()).find((state) => state.name === name);
  }

  async consumers(): Promise<ConsumerState[]> {
    return atEdge(() => consumerStates(this.#database));
  }

  async failedRun(consumer: string, seq: number): Promise<FailedRun | undefined> {
    const row = await atEdge(() => this.#failedRun.get(consumer, seq) as Row | undefined);
    return row === undefined ? undefined : runOf(row);
  }

  async failedSeqsAfter(consumer: string, seq: number): Promise<number[]> {
    const sql = 'SELECT seq FROM failed_runs WHERE consumer = ? AND seq > ?';
    return atEdge(() => this.#database.prepare(sql).pluck().all(consumer, seq) as number[]);
  }

  async failed(limit: number): Promise<FailedRun[]> {
    const sql = `SELECT ${COLUMNS} FROM failed_runs ORDER BY seq, consumer LIMIT ?`;
    return atEdge(() => (this.#database.prepare(sql).all(limit) as Row[]).map(runOf));
  }

  async retry(seqs: readonly number[] | undefined, nowMs: number): Promise<number> {
    const set = 'UPDATE failed_runs SET attempts = 0, next_at_ms = ?';
    if (seqs === undefined) return atEdge(() => this.#database.prepare(set).run(nowMs).changes);
    return this.#each(seqs, `${set} WHERE seq = ?`, nowMs);
  }

  async skip(seqs: readonly number[]): Promise<number> {
    return this.#each(seqs, 'DELETE FROM failed_runs WHERE seq = ?');
  }

  #each(seqs: readonly number[], sql: string, ...values: unknown[]): Promise<number> {
    return this.#inTransaction(() => {
      const statement = this.#database.prepare(sql);
      return seqs.reduce((sum, seq) => sum + statement.run(...values, seq).changes, 0);
    });
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

/** The connection may be read-only. */
function consumerStates(database: Database): ConsumerState[] {
  return database
    .prepare<[], ConsumerState>(
      `SELECT
         name,
         settled_seq AS seq,
         settled_chain AS chain,
         generation,
         state,
         ran_at_ms AS ranAtMs,
         (SELECT count(*) FROM failed_runs WHERE consumer = name AND next_at_ms IS NOT NULL) AS waiting,
         (SELECT count(*) FROM failed_runs WHERE consumer = name AND next_at_ms IS NULL) AS dead
       FROM consumers ORDER BY name`,
    )
    .all();
}

function runOf(row: Row): FailedRun {
  return { ...row, isAlone: row.isAlone !== 0 };
}
