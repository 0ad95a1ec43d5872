/**
 * The state of the handlers, in a file of its own beside the log: how far each consumer has come, and the runs that
 * have failed. A run that went well leaves nothing but a higher position. All SQL on that file is here, but for its schema.
 *
 * Not fsynced at each write: after a power cut the position is an older one, and what came after it runs again.
 */

import type { Database, Statement } from 'better-sqlite3';
import { RUN_ERROR_CHARS_MAX, RUN_RETRY_LAST_MS } from './limits.ts';
import { openRunStoreFile } from './run-store-file.ts';

/** How far a consumer has come. */
export interface Position {
  /** Each event up to this one has been handled, passed over, or has a row in `failed_runs`. */
  readonly seq: number;
  /** That event's link of the chain: tells whether the log is still the same one. Empty for seq 0. */
  readonly chain: Uint8Array;
  /** Raised when a person moves the position: what was under way before must not move it back. */
  readonly generation: number;
}

/** A consumer at a glance. */
export interface ConsumerState extends Position {
  readonly name: string;
  /** As the process with the lock has written it; it says nothing where no process has the lock. */
  readonly state: 'running' | 'held up' | 'stopped';
  /** When it last ran, milliseconds since 1970; null: not known. */
  readonly ranAtMs: number | null;
  /** Failed runs that will be tried again. */
  readonly waiting: number;
  readonly dead: number;
}

export interface FailedRun {
  readonly consumer: string;
  readonly seq: number;
  /** How many have failed. */
  readonly attempts: number;
  readonly error: string;
  readonly failedAtMs: number;
  /** Milliseconds since 1970; null: dead, none will follow. */
  readonly nextAtMs: number | null;
  /** It was under way when the thread died, as others were: the next time nothing runs beside it, and it is known. */
  readonly isAlone: boolean;
}

/** What has changed since the last write. */
export interface RunChanges {
  readonly position: Position;
  readonly failed: readonly FailedRun[];
  /** Runs that had failed before and have now ended well. */
  readonly ended: readonly number[];
}

type Row = Omit<FailedRun, 'isAlone'> & { readonly isAlone: number };

const COLUMNS = `
  consumer,
  seq,
  attempts,
  error,
  failed_at_ms AS failedAtMs,
  next_at_ms AS nextAtMs,
  is_alone AS isAlone`;

export class RunStore {
  readonly #database: Database;
  readonly #position: Statement;
  readonly #due: Statement;
  readonly #nextAt: Statement;
  readonly #failedRun: Statement;
  readonly #fail: Statement;
  readonly #end: Statement;
  readonly #move: Statement;
  readonly #dataVersion: Statement;

  /** @throws RunStoreRefused */
  constructor(path: string) {
    this.#database = openRunStoreFile(path);
    this.#position = this.#database.prepare(
      'SELECT settled_seq AS seq, settled_chain AS chain, generation FROM consumers WHERE name = ?',
    );
    // A clock that was set back must not postpone a run beyond the longest delay.
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

  /** Another one when another connection has written to the file. */
  dataVersion(): unknown {
    return this.#dataVersion.get();
  }

  position(consumer: string): Position | undefined {
    return this.#position.get(consumer) as Position | undefined;
  }

  /** Sets a consumer's position; no write of what is under way can move it back. Makes a new one. */
  moveTo(consumer: string, seq: number, chain: Uint8Array): void {
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

  /** Everything from `from` on is to run again; runs from there on that have failed are forgotten. */
  replayFrom(consumer: string, from: number, chain: Uint8Array): void {
    this.#database
      .transaction(() => {
        this.forgetAfter(consumer, from - 1);
        this.moveTo(consumer, from - 1, chain);
      })
      .immediate();
  }

  /** Forgets a consumer's failed runs of events after `seq`. */
  forgetAfter(consumer: string, seq: number): void {
    this.#database.prepare('DELETE FROM failed_runs WHERE consumer = ? AND seq > ?').run(consumer, seq);
  }

  /**
   * Where a person has moved the position since, what came of events beyond it is dropped: they run again.
   * @returns whether the position is still the consumer's own and has been written
   */
  write(consumer: string, { position, failed, ended }: RunChanges): boolean {
    return this.#database
      .transaction(() => {
        const found = this.position(consumer);
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
      })
      .immediate();
  }

  /** Runs whose time has come, the longest due first. */
  due(consumer: string, nowMs: number, limit: number): FailedRun[] {
    return (this.#due.all({ consumer, nowMs, limit }) as Row[]).map(runOf);
  }

  /** When the next run that is not due is; undefined: there is none. */
  nextAtMs(consumer: string, nowMs: number): number | undefined {
    return (this.#nextAt.get(consumer, nowMs) as number | null) ?? undefined;
  }

  /** The process with the lock runs it, or holds it up. @param nowMs written only if it runs */
  setState(consumer: string, state: 'running' | 'held up', nowMs: number): void {
    this.#database
      .prepare('UPDATE consumers SET state = ?, ran_at_ms = coalesce(?, ran_at_ms) WHERE name = ?')
      .run(state, state === 'running' ? nowMs : null, consumer);
  }

  /** Of before: the process that has taken the lock says again which of them run. */
  stopAll(): void {
    this.#database.prepare("UPDATE consumers SET state = 'stopped'").run();
  }

  /**
   * Ends an absence.
   * @param from undefined: where it stopped; else it goes on after that event, and runs that wait for a retry are dead
   */
  resume(consumer: string, from: { seq: number; chain: Uint8Array } | undefined, nowMs: number): void {
    this.#database
      .transaction(() => {
        this.setState(consumer, 'running', nowMs);
        if (from === undefined) return;
        this.moveTo(consumer, from.seq, from.chain);
        this.#database.prepare('UPDATE failed_runs SET next_at_ms = NULL WHERE consumer = ?').run(consumer);
      })
      .immediate();
  }

  consumer(name: string): ConsumerState | undefined {
    return this.consumers().find((state) => state.name === name);
  }

  consumers(): ConsumerState[] {
    return consumerStates(this.#database);
  }

  failedRun(consumer: string, seq: number): FailedRun | undefined {
    const row = this.#failedRun.get(consumer, seq) as Row | undefined;
    return row === undefined ? undefined : runOf(row);
  }

  failedSeqsAfter(consumer: string, seq: number): number[] {
    return this.#database
      .prepare('SELECT seq FROM failed_runs WHERE consumer = ? AND seq > ?')
      .pluck()
      .all(consumer, seq) as number[];
  }

  /** All failed runs in the order of the log, at most `limit` of them. */
  failed(limit: number): FailedRun[] {
    return (
      this.#database
        .prepare(`SELECT ${COLUMNS} FROM failed_runs ORDER BY seq, consumer LIMIT ?`)
        .all(limit) as Row[]
    ).map(runOf);
  }

  /** Makes failed runs due now, with all their attempts before them. @param seqs undefined: all @returns how many */
  retry(seqs: readonly number[] | undefined, nowMs: number): number {
    const set = 'UPDATE failed_runs SET attempts = 0, next_at_ms = ?';
    if (seqs === undefined) return this.#database.prepare(set).run(nowMs).changes;
    return this.#each(seqs, this.#database.prepare(`${set} WHERE seq = ?`), nowMs);
  }

  /** Forgets failed runs: they will not be tried again. @returns how many */
  skip(seqs: readonly number[]): number {
    return this.#each(seqs, this.#database.prepare('DELETE FROM failed_runs WHERE seq = ?'));
  }

  #each(seqs: readonly number[], statement: Statement, ...values: unknown[]): number {
    return this.#database
      .transaction(() => seqs.reduce((sum, seq) => sum + statement.run(...values, seq).changes, 0))
      .immediate();
  }

  close(): void {
    this.#database.close();
  }
}

/** Over a connection that may only read. */
export function consumerStates(database: Database): ConsumerState[] {
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
