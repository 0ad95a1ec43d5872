/**
 * The state of the handlers, in a separate file next to the log: each consumer's position and its unfinished
 * events. A successful run only raises the position. All SQL on that file is here, except its schema.
 *
 * Writes are not fsynced. After a power cut the position may be older, and the events after it run again.
 */

import Sqlite, { type Database } from 'better-sqlite3';
import type {
  ConsumerChanges,
  ConsumerState,
  EventKey,
  FailedEvent,
  Position,
  RunStore,
  UnfinishedEvent,
} from '../../core/engine/run-store.ts';
import { BUSY_TIMEOUT_MS, RUN_ERROR_CHARS_MAX, RUN_RETRY_LAST_MS } from '../../core/limits.ts';
import { hasColumn } from './file/schema.ts';
import { dataVersion, statement } from './file/statement.ts';
import { allAtEdge } from './file/storage-fault.ts';
import { openRunStoreFile } from './run-store-file.ts';

const COLUMNS = `
  consumer,
  seq,
  subject,
  attempts,
  error,
  failed_at_ms AS failedAtMs,
  next_at_ms AS nextAtMs`;

/** Whether the subject has an earlier unfinished event that is not dead. */
function blocked(consumer: string, subject: string, seq: string): string {
  return `EXISTS (
    SELECT 1 FROM failed_runs AS earlier
    WHERE earlier.consumer = ${consumer}
      AND earlier.subject = ${subject}
      AND earlier.seq < ${seq}
      AND earlier.next_at_ms IS NOT NULL
  )`;
}

// If the clock was set back, an event must not be delayed far beyond the longest delay.
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

const POSITION = 'SELECT settled_seq AS seq, generation FROM consumers WHERE name = ?';
const MOVE = `
  UPDATE consumers SET settled_seq = @seq, settled_chain = @chain
  WHERE name = @consumer AND generation = @generation`;

const MOVE_BY_HAND = `
  INSERT INTO consumers (name, settled_seq, settled_chain, generation) VALUES (?, ?, ?, 1)
  ON CONFLICT (name) DO UPDATE SET
    settled_seq = excluded.settled_seq,
    settled_chain = excluded.settled_chain,
    generation = generation + 1`;

const NEXT_AT = `
  SELECT min(next_at_ms) AS atMs FROM failed_runs
  WHERE consumer = ? AND is_blocked = 0 AND next_at_ms > ?`;

const UNFINISHED_AFTER = `SELECT ${COLUMNS} FROM failed_runs WHERE consumer = ? AND seq > ? ORDER BY seq LIMIT ?`;

const SET_STATE = 'UPDATE consumers SET state = ?, ran_at_ms = coalesce(?, ran_at_ms) WHERE name = ?';

const FAILED = `
  SELECT ${COLUMNS},
    CASE WHEN next_at_ms IS NULL THEN 0 ELSE (
      SELECT count(*) FROM failed_runs AS later
      WHERE later.consumer = failed_runs.consumer
        AND later.subject = failed_runs.subject
        AND later.is_blocked = 1
        AND later.next_at_ms IS NOT NULL
    ) END AS blocks
  FROM failed_runs WHERE is_blocked = 0 ORDER BY seq, consumer LIMIT ?`;

const RETRY = 'UPDATE failed_runs SET attempts = 0, next_at_ms = ? WHERE is_blocked = 0';

/** Works out for every unfinished event whether it is blocked. Single changes of the dispatcher need less: see write(). */
const FIND_BLOCKED = `
  UPDATE failed_runs SET is_blocked = NOT is_blocked
  WHERE is_blocked <> (
    next_at_ms IS NOT NULL
    AND ${blocked('failed_runs.consumer', 'failed_runs.subject', 'failed_runs.seq')}
  )`;

/** @throws EngineError `refused` */
export function openRunStore(path: string): RunStore {
  const database = openRunStoreFile(path);
  const sql = <R>(text: string) => statement<unknown[], R>(database, text);
  const inTransaction = <T>(work: () => T) => database.transaction(work).immediate();

  function moveTo(consumer: string, seq: number, chain: Uint8Array): void {
    forgetAfter(consumer, seq);
    sql(MOVE_BY_HAND).run(consumer, seq, chain);
  }

  /** No earlier event is blocked by what it forgets. */
  function forgetAfter(consumer: string, seq: number): void {
    sql('DELETE FROM failed_runs WHERE consumer = ? AND seq > ?').run(consumer, seq);
  }

  function write(consumer: string, { position, unfinished, done }: ConsumerChanges): boolean {
    const found = sql<Omit<Position, 'chain'>>(POSITION).get(consumer);
    const isKept = ({ seq }: EventKey) =>
      found?.generation === position.generation || seq <= (found?.seq ?? 0);
    for (const { seq, subject } of done.filter(isKept)) {
      sql('DELETE FROM failed_runs WHERE consumer = ? AND seq = ?').run(consumer, seq);
      sql(UNBLOCK).run({ consumer, subject });
    }
    for (const event of unfinished.filter(isKept)) {
      sql(PUT).run({ ...event, error: event.error.slice(0, RUN_ERROR_CHARS_MAX) });
      if (event.nextAtMs === null) sql(UNBLOCK).run({ consumer, subject: event.subject });
    }
    return sql(MOVE).run({ consumer, ...position }).changes === 1;
  }

  /** @param seqs undefined for all @returns how many events were changed */
  function change(text: string, values: readonly unknown[], seqs: readonly number[] | undefined): number {
    const changing = sql(seqs === undefined ? text : `${text} AND seq = ?`);
    const each = seqs?.map((seq) => [...values, seq]) ?? [values];
    const count = each.reduce((sum, bound) => sum + changing.run(...bound).changes, 0);
    database.exec(FIND_BLOCKED);
    return count;
  }

  const consumers = () => consumerStates(database);
  return allAtEdge<RunStore>({
    version: () => dataVersion(database),
    consumer: (name) => consumers().find((state) => state.name === name),
    consumers,
    moveTo: (consumer, seq, chain) => inTransaction(() => moveTo(consumer, seq, chain)),
    forgetAfter,
    write: (consumer, changes) => inTransaction(() => write(consumer, changes)),
    due: (consumer, nowMs, limit) => sql<UnfinishedEvent>(DUE).all({ consumer, nowMs, limit }),
    nextAtMs: (consumer, nowMs) =>
      sql<{ atMs: number | null }>(NEXT_AT).get(consumer, nowMs)?.atMs ?? undefined,
    isBlocked: (consumer, { seq, subject }) =>
      sql<{ found: number }>(IS_BLOCKED).get({ consumer, seq, subject })?.found === 1,
    unfinishedAfter: (consumer, seq, limit = -1) =>
      sql<UnfinishedEvent>(UNFINISHED_AFTER).all(consumer, seq, limit),
    setState(consumer, state, nowMs) {
      sql(SET_STATE).run(state, state === 'running' ? nowMs : null, consumer);
    },
    takeOver: () =>
      inTransaction(() => {
        sql("UPDATE consumers SET state = 'stopped'").run();
        database.exec(FIND_BLOCKED); // for what earlier code has written, which does not know about blocked events
      }),
    resume: (consumer, from, nowMs) =>
      inTransaction(() => {
        sql('UPDATE consumers SET ran_at_ms = ? WHERE name = ?').run(nowMs, consumer);
        if (from === undefined) return;
        moveTo(consumer, from.seq, from.chain);
        sql('UPDATE failed_runs SET next_at_ms = NULL, is_blocked = 0 WHERE consumer = ?').run(consumer);
      }),
    failed: (limit) => sql<FailedEvent>(FAILED).all(limit),
    retry: (seqs, nowMs) => inTransaction(() => change(RETRY, [nowMs], seqs)),
    skip: (seqs) => inTransaction(() => change('DELETE FROM failed_runs WHERE true', [], seqs)),
    close: () => void database.close(),
  });
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

/** The connection may be read-only, and the file from before events could be blocked. */
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
