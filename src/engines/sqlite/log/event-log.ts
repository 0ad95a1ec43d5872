/**
 * The event log: all SQL on `events`. The log is append-only and holds each body once. `seq` has no gaps
 * because it is the head's seq + 1, read inside the appending transaction.
 */

import type { Database, Statement } from 'better-sqlite3';
import { CHAIN_GENESIS } from '../../../core/event/chain.ts';
import type { RecordedDelivery } from '../../../core/event/event.ts';
import type { HandlerEvent, Head, StoredEvent } from '../../../core/event/recorded-event.ts';
import { LOG_READ_BYTES_MAX, LOG_READ_EVENTS_MAX } from '../../../core/limits.ts';
import type { KnownEvent } from '../../../core/tables/append.ts';
import { Failures } from './failures.ts';

const REPLACEMENT_CHARACTER = '\ufffd';

const COLUMNS = `
  seq,
  body_time_ms,
  body_sha256,
  body,
  type,
  event_id,
  path,
  signature,
  signed_at,
  received_at_ms,
  event_header,
  event_id_header,
  chain`;

/** Prepared statements on one connection. */
export class EventLog {
  readonly #head: Statement<[], Head>;
  readonly #database: Database;
  /** Prepared with the first insert: a connection that shows an earlier moment has a view in place of the table. */
  #insert: Statement | undefined;
  readonly #first: Statement<[number, Uint8Array], Omit<KnownEvent, 'errors'>>;
  readonly #range: Statement<[number, number, number], RecordedDelivery & { readonly body: string }>;
  readonly #body: Statement<[number], Uint8Array>;
  readonly #stored: Statement<[number, number], StoredEvent>;
  readonly #forHandlers: Statement<[number, number], HandlerEvent & { readonly body: string }>;
  readonly #chain: Statement<[number], Uint8Array>;
  readonly #receivedAt: Statement<[number], number>;
  #failures: Failures | undefined;

  constructor(database: Database) {
    this.#head = database.prepare('SELECT seq, chain FROM events ORDER BY seq DESC LIMIT 1');
    this.#database = database;
    this.#first = database.prepare(
      'SELECT seq, type, event_header FROM events WHERE body_time_ms = ? AND body_sha256 = ?',
    );
    this.#range = database.prepare(
      `SELECT seq, CAST(body AS TEXT) AS body, event_header AS eventHeader, signed_at AS signedAt
       FROM events WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?`,
    );
    this.#body = database.prepare<[number], Uint8Array>('SELECT body FROM events WHERE seq = ?').pluck();
    this.#stored = database.prepare(`SELECT ${COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?`);
    // Text only: creating a Buffer per value would cost as much as everything else together.
    this.#forHandlers = database.prepare(
      `SELECT seq, CAST(body AS TEXT) AS body, event_header AS eventHeader, signed_at AS signedAt,
         lower(hex(body_sha256)) AS bodySha256, type, path, received_at_ms AS receivedAtMs
       FROM events WHERE seq > ? ORDER BY seq LIMIT ?`,
    );
    this.#chain = database.prepare<[number], Uint8Array>('SELECT chain FROM events WHERE seq = ?').pluck();
    this.#receivedAt = database
      .prepare<[number], number>('SELECT received_at_ms FROM events WHERE seq = ?')
      .pluck();
  }

  /** The failures of these events; prepared on demand, because `verify` must read the log even if their table is gone. */
  get failures(): Failures {
    this.#failures ??= new Failures(this.#database);
    return this.#failures;
  }

  /** The last event. Read it inside the appending transaction: other processes append too. */
  head(): Head {
    return this.#head.get() ?? { seq: 0, chain: CHAIN_GENESIS };
  }

  /** The event with the same body; undefined if the log has none. */
  known(bodyTimeMs: number, bodySha256: Uint8Array): KnownEvent | undefined {
    const first = this.#first.get(bodyTimeMs, bodySha256);
    return first && { ...first, errors: this.failures.of(first.seq).map(({ error }) => error) };
  }

  /** Inserts an event within the caller's transaction. @throws SqliteError also if the log has its seq or its body */
  insert(event: StoredEvent): void {
    // By position, in the order of COLUMNS: named parameters would cost as much as the insert itself.
    this.#insert ??= this.#database.prepare(
      `INSERT INTO events (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#insert.run(
      event.seq,
      event.body_time_ms,
      event.body_sha256,
      event.body,
      event.type,
      event.event_id,
      event.path,
      event.signature,
      event.signed_at,
      event.received_at_ms,
      event.event_header,
      event.event_id_header,
      event.chain,
    );
  }

  /** Returns the next deliveries with `after` < seq ≤ `upTo`, in order: as many as are read at once. */
  range(after: number, upTo: number): RecordedDelivery[] {
    const read = withinBytes(this.#range.iterate(after, upTo, LOG_READ_EVENTS_MAX));
    return read.map((recorded) => this.#exact(recorded));
  }

  /** The next complete events with seq > `after`, in order: at most `limit`, and no more than are read at once. */
  stored(after: number, limit: number = LOG_READ_EVENTS_MAX): StoredEvent[] {
    return withinBytes(this.#stored.iterate(after, limit));
  }

  /** Returns the next events with seq > `after`, in order: at most `limit`, and no more than are read at once. */
  forHandlers(after: number, limit: number): HandlerEvent[] {
    return withinBytes(this.#forHandlers.iterate(after, limit)).map((event) => this.#exact(event));
  }

  /** Replaces the body's text by its bytes if the text may differ from them. */
  #exact<T extends RecordedDelivery & { readonly body: string }>(
    recorded: T,
  ): Omit<T, 'body'> & RecordedDelivery {
    // Either the sender sent this character, or SQLite put it in place of bytes that are not valid UTF-8.
    if (!recorded.body.includes(REPLACEMENT_CHARACTER)) return recorded;
    return { ...recorded, body: this.#body.get(recorded.seq) ?? '' };
  }

  /** An event's chain link; empty if there is no such event. */
  chainOf(seq: number): Uint8Array {
    return this.#chain.get(seq) ?? new Uint8Array();
  }

  /** When an event was received; undefined if there is no such event. */
  receivedAtMs(seq: number): number | undefined {
    return this.#receivedAt.get(seq);
  }
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
