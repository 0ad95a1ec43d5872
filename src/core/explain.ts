/**
 * Tells why a row looks as it does: the events that it is made of, folded again one by one, and which of them gave each
 * column its value.
 */

import type { Database } from 'better-sqlite3';
import { type Event, interpret, readBody } from './event.ts';
import { EventLog, type HandlerEvent } from './event-log.ts';
import { EventSearch } from './event-search.ts';
import { FieldError } from './fields.ts';
import { EXPLAIN_EVENTS_MAX, SEARCH_EVENTS_MAX } from './limits.ts';
import type { Projection, Row, Value } from './projection.ts';

/** A row of a table, by its key. */
export interface RowKey {
  readonly table: string;
  readonly key: string;
}

export interface ExplainedEvent {
  readonly seq: number;
  /** As sent. */
  readonly type: string;
  readonly occurredAtMs: number;
  readonly receivedAtMs: number;
  /** Why it changed nothing. */
  readonly failure: string | null;
}

export interface ExplainedColumn {
  readonly name: string;
  readonly value: Value;
  /** The event that gave it this value. */
  readonly seq: number;
}

export interface Explanation extends RowKey {
  /** In the order of the log. */
  readonly events: readonly ExplainedEvent[];
  /** Those that have a value, in the table's order. */
  readonly columns: readonly ExplainedColumn[];
}

/** Columns that say how others came about. */
const INNER_COLUMNS = new Set(['value_times_ms', 'status_at_ms']);

export class Explainer {
  readonly #log: EventLog;
  readonly #database: Database;
  readonly #projections: readonly Projection[];
  readonly #search: EventSearch;

  /** @param database may be one that only reads */
  constructor(database: Database, projections: readonly Projection[]) {
    this.#database = database;
    this.#log = new EventLog(database);
    this.#search = new EventSearch(database);
    this.#projections = projections;
  }

  /** The rows that an event belongs to, whether or not it could be used for them. */
  rowsOf(seq: number): RowKey[] {
    const [recorded] = this.#log.forHandlers(seq - 1, 1);
    const event = recorded?.seq === seq ? eventOf(recorded) : undefined;
    if (event === undefined) return [];
    return this.#projections.flatMap((projection) => {
      const key = keyOf(projection, event);
      return key === undefined ? [] : [{ table: projection.name, key }];
    });
  }

  /** Whether a row's events are close together in the log: to search all of it takes seconds. */
  isQuick({ table, key }: RowKey): boolean {
    const projection = this.#projections.find(({ name }) => name === table);
    if (projection === undefined || !('first_seq' in projection.columns)) return false;
    const row = this.#row(projection, key);
    return row === undefined || Number(row['last_seq']) - Number(row['first_seq']) <= SEARCH_EVENTS_MAX;
  }

  /** @returns undefined where there is neither a row nor an event for one */
  explain({ table, key }: RowKey): Explanation | undefined {
    const projection = this.#projections.find(({ name }) => name === table);
    if (projection === undefined) return undefined;
    const events: ExplainedEvent[] = [];
    const setBy = new Map<string, number>();
    let row: Row | undefined;
    for (const seq of this.#seqsOf(projection, key)) {
      const [recorded] = this.#log.forHandlers(seq - 1, 1);
      const event = recorded?.seq === seq ? eventOf(recorded) : undefined;
      if (recorded === undefined || event === undefined || keyOf(projection, event) !== key) continue;
      const next = folded(projection, row, event, key);
      events.push({
        seq,
        type: event.type,
        occurredAtMs: event.occurredAtMs,
        receivedAtMs: recorded.receivedAtMs,
        failure: next === undefined ? this.#log.failureOf(seq) : null,
      });
      if (next === undefined) continue;
      for (const [name, value] of Object.entries(next))
        if (value !== (row?.[name] ?? null)) setBy.set(name, seq);
      row = next;
    }
    if (events.length === 0) return undefined;
    return { table, key, events, columns: columnsOf(projection, row ?? {}, setBy) };
  }

  #row({ name, key: column }: Projection, key: string): Row | undefined {
    return this.#database.prepare<[string], Row>(`SELECT * FROM ${name} WHERE ${column} = ?`).get(key);
  }

  /** Events that may belong to a row, in the order of the log: no more than EXPLAIN_EVENTS_MAX of the latest. */
  #seqsOf(projection: Projection, key: string): number[] {
    const { name, columns } = projection;
    const row = this.#row(projection, key);
    const seqs = this.#search.failedNaming(name, key, EXPLAIN_EVENTS_MAX);
    if (row !== undefined) {
      const upTo = Number(row['last_seq']);
      const from = 'first_seq' in columns ? Number(row['first_seq']) : 1;
      seqs.push(...this.#search.naming(key, from, upTo, EXPLAIN_EVENTS_MAX));
    }
    return [...new Set(seqs)].sort((one, other) => one - other);
  }
}

function columnsOf(projection: Projection, row: Row, setBy: ReadonlyMap<string, number>): ExplainedColumn[] {
  return Object.keys(projection.columns).flatMap((name) => {
    const seq = setBy.get(name);
    return seq === undefined || INNER_COLUMNS.has(name) ? [] : [{ name, value: row[name] ?? null, seq }];
  });
}

function eventOf(recorded: HandlerEvent): Event | undefined {
  const interpretation = interpret(readBody(recorded.body, recorded.eventHeader), recorded);
  return interpretation.kind === 'event' ? interpretation.event : undefined;
}

function keyOf(projection: Projection, event: Event): string | undefined {
  return unlessUnusable(() => projection.keyOf(event));
}

/** Undefined: the event states something that no row can hold. */
function folded(projection: Projection, row: Row | undefined, event: Event, key: string): Row | undefined {
  return unlessUnusable(() => projection.fold(row, event, key));
}

function unlessUnusable<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof FieldError) return undefined;
    throw error;
  }
}
