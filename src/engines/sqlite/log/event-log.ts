/**
 * The SQL on the tables `events` and `failures`, except searches. The log is append-only and holds each body once.
 * `seq` has no gaps because it is the head's seq + 1, read inside the appending transaction.
 */

import type { Database } from 'better-sqlite3';
import { CHAIN_GENESIS } from '../../../core/event/chain.ts';
import type { RecordedDelivery } from '../../../core/event/event.ts';
import {
  type Failure,
  type HandlerEvent,
  type Head,
  type StoredEvent,
  WRITER_STAGE,
} from '../../../core/event/recorded-event.ts';
import { LOG_READ_BYTES_MAX, LOG_READ_EVENTS_MAX } from '../../../core/limits.ts';
import type { KnownEvent } from '../../../core/tables/append.ts';
import { statement } from '../file/statement.ts';

const REPLACEMENT_CHARACTER = '\ufffd';

const HEAD = 'SELECT seq, chain FROM events ORDER BY seq DESC LIMIT 1';
const FIRST = 'SELECT seq, type, event_header FROM events WHERE body_time_ms = ? AND body_sha256 = ?';
const COLUMNS = [
  'seq',
  'body_time_ms',
  'body_sha256',
  'body',
  'type',
  'event_id',
  'path',
  'signature',
  'signed_at',
  'received_at_ms',
  'event_header',
  'event_id_header',
  'chain',
] as const satisfies readonly (keyof StoredEvent)[];
const INSERT = `INSERT INTO events (${COLUMNS}) VALUES (${COLUMNS.map(() => '?')})`;
const STORED = `SELECT ${COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?`;
// Text only: creating a Buffer per value would cost as much as everything else together.
const RECORDED_COLUMNS =
  'seq, CAST(body AS TEXT) AS body, event_header AS eventHeader, signed_at AS signedAt';
const RECORDED = `SELECT ${RECORDED_COLUMNS} FROM events WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?`;
const FOR_HANDLERS = `
  SELECT ${RECORDED_COLUMNS}, lower(hex(body_sha256)) AS bodySha256, type, path, received_at_ms AS receivedAtMs
  FROM events WHERE seq > ? ORDER BY seq LIMIT ?`;

const FAILURES_OF = 'SELECT seq, stage, field, error FROM failures WHERE seq = ? ORDER BY error';
const UNFOLDED = `
  SELECT seq, error FROM main.failures AS failure
  WHERE stage = '${WRITER_STAGE}' AND seq > ? AND seq <= ?
    AND EXISTS (SELECT 1 FROM main.events WHERE events.seq = failure.seq)
  ORDER BY seq`;

/** An event that was appended but not folded, and why. */
type Unfolded = Pick<Failure, 'seq' | 'error'>;

/** The last event. Read it inside the appending transaction: other processes append too. */
export function headOf(database: Database): Head {
  return statement<[], Head>(database, HEAD).get() ?? { seq: 0, chain: CHAIN_GENESIS };
}

/** The event with the same body; undefined if the log has none. */
export function knownEvent(
  database: Database,
  bodyTimeMs: number,
  bodySha256: Uint8Array,
): KnownEvent | undefined {
  const first = statement<[number, Uint8Array], Omit<KnownEvent, 'failures'>>(database, FIRST).get(
    bodyTimeMs,
    bodySha256,
  );
  return first && { ...first, failures: failuresOf(database, first.seq) };
}

/** Inserts an event within the caller's transaction. @throws SqliteError also if the log has its seq or its body */
export function insertEvent(database: Database, event: StoredEvent): void {
  // By position: named parameters would cost as much as the insert itself.
  statement(database, INSERT).run(...COLUMNS.map((column) => event[column]));
}

/** Returns the next deliveries with `after` < seq ≤ `upTo`, in order: as many as are read at once. */
export function recordedEvents(database: Database, after: number, upTo: number): RecordedDelivery[] {
  return readExactly<RecordedDelivery>(database, RECORDED, after, upTo, LOG_READ_EVENTS_MAX);
}

/** The next complete events with seq > `after`, in order: at most `limit`, and no more than are read at once. */
export function storedEvents(
  database: Database,
  after: number,
  limit: number = LOG_READ_EVENTS_MAX,
): StoredEvent[] {
  return withinBytes(statement<number[], StoredEvent>(database, STORED).iterate(after, limit));
}

/** Returns the next events with seq > `after`, in order: at most `limit`, and no more than are read at once. */
export function handlerEvents(database: Database, after: number, limit: number): HandlerEvent[] {
  return readExactly<HandlerEvent>(database, FOR_HANDLERS, after, limit);
}

/** One column of an event; undefined if there is no such event. */
export function columnOf<C extends 'body' | 'chain' | 'received_at_ms'>(
  database: Database,
  column: C,
  seq: number,
): StoredEvent[C] | undefined {
  const select = statement<[number], StoredEvent>(database, `SELECT ${column} FROM events WHERE seq = ?`);
  return select.get(seq)?.[column];
}

/** Records a failure, within the caller's transaction. @param table `failures`, or one that will replace it */
export function addFailure(
  database: Database,
  { seq, stage, field, error }: Failure,
  table: string = 'failures',
): void {
  const sql = `INSERT INTO ${table} (seq, stage, field, error) VALUES (?, ?, ?, ?)
    ON CONFLICT (seq, stage, field) DO UPDATE SET error = excluded.error`;
  statement(database, sql).run(seq, stage, field, error);
}

/** The failures of an event, ordered by error. */
export function failuresOf(database: Database, seq: number): Failure[] {
  return statement<[number], Failure>(database, FAILURES_OF).all(seq);
}

/** The events with `after` < seq ≤ `upTo` that were appended but not folded, and why; in the file, not a view of it. */
export function unfoldedEvents(database: Database, after: number, upTo: number): Unfolded[] {
  return statement<[number, number], Unfolded>(database, UNFOLDED).all(after, upTo);
}

/** Reads bodies as text, and replaces those texts that may differ from the bytes. */
function readExactly<T extends RecordedDelivery>(
  database: Database,
  sql: string,
  ...values: readonly number[]
): T[] {
  const read = withinBytes(
    statement<number[], T & { readonly body: string }>(database, sql).iterate(...values),
  );
  // Either the sender sent this character, or SQLite put it in place of bytes that are not valid UTF-8.
  return read.map((event) =>
    event.body.includes(REPLACEMENT_CHARACTER)
      ? { ...event, body: columnOf(database, 'body', event.seq) ?? '' }
      : event,
  );
}

/** Reads rows until their bodies reach LOG_READ_BYTES_MAX: at least one row, if there is any. */
function withinBytes<T extends { readonly body: Uint8Array | string }>(rows: Iterable<T>): T[] {
  const read: T[] = [];
  let bytes = 0;
  for (const row of rows) {
    read.push(row);
    bytes += row.body?.length ?? 0; // a damaged page gives values of any type
    if (bytes >= LOG_READ_BYTES_MAX) break;
  }
  return read;
}
