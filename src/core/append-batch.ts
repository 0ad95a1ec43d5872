/**
 * One batch: the transaction that makes a 2xx true. Each new delivery is inserted, linked into the chain and
 * folded into the projections; the commit returns when all of it is fsynced.
 */

import { createHash } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import { bodyTimeMs } from './body-time.ts';
import type { Delivery, Recorded } from './delivery.ts';
import { readBody } from './event.ts';
import { EventLog, type Head, LogDamaged, type NewEvent } from './event-log.ts';
import { foldEvent } from './fold-event.ts';
import { LOG_RANGE_EVENTS } from './limits.ts';
import type { Derivations, Projection } from './projection.ts';
import { ProjectionStates } from './projection-state.ts';
import { ProjectionTable } from './projection-table.ts';
import { storageFault } from './storage-fault.ts';

export interface BatchResult {
  readonly outcomes: Recorded[];
  /** Projections whose table lacks events now: another version's, or not yet caught up. */
  readonly lagging: string[];
  /** One of them is this code's and lacks only events that another append will fold in. */
  readonly isBehind: boolean;
}

/** Appends batches over the one writing connection. */
export class BatchAppender {
  readonly #database: Database;
  readonly #projections: readonly Projection[];
  readonly #log: EventLog;
  readonly #states: ProjectionStates;
  readonly #tables = new Map<string, ProjectionTable>();

  constructor(database: Database, derivations: Derivations) {
    this.#database = database;
    this.#projections = derivations.projections;
    this.#log = new EventLog(database);
    this.#states = new ProjectionStates(database);
  }

  /** The log's last event, as committed. @throws LogDamaged */
  head(): Head {
    const head = this.#log.head();
    if (!(head.chain instanceof Uint8Array)) throw new LogDamaged(head.seq);
    return head;
  }

  /**
   * Appends all of `deliveries` or none.
   * @returns after the commit's fsync, an outcome for each delivery in order
   * @throws what SQLite throws; the transaction is rolled back then, unless the file is lost: after that the
   *   connection must not be used again
   */
  append(deliveries: readonly Delivery[]): BatchResult {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = this.#appendAll(deliveries);
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      // After SQLITE_FULL the transaction is gone already; after a lost file nothing may be touched.
      if (storageFault(error) !== 'lost' && this.#database.inTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #appendAll(deliveries: readonly Delivery[]): BatchResult {
    const before = this.head();
    const { current, lagging, isBehind } = this.#currentTables(before);
    let head = before;
    const outcomes = deliveries.map((delivery) => {
      const [outcome, newHead] = this.#appendOne(delivery, head, current);
      head = newHead;
      return outcome;
    });
    if (head.seq > before.seq)
      for (const table of current) this.#states.advance(table.projection.name, head.seq);
    return { outcomes, lagging, isBehind };
  }

  #appendOne(delivery: Delivery, head: Head, tables: readonly ProjectionTable[]): [Recorded, Head] {
    const read = readBody(delivery.body, delivery.eventHeader);
    const event: NewEvent = {
      body_time_ms: bodyTimeMs(read.json),
      body_sha256: createHash('sha256').update(delivery.body).digest(),
      body: delivery.body,
      type: read.type,
      event_id: read.eventId,
      path: delivery.path,
      signature: delivery.signature === null ? null : Buffer.from(delivery.signature, 'hex'),
      signed_at: delivery.signedAt,
      received_at_ms: delivery.receivedAtMs,
      event_header: delivery.eventHeader,
      event_id_header: delivery.eventIdHeader,
    };
    const appended = this.#log.append(event, head);
    if (appended.kind === 'duplicate') {
      const { seq, type, event_header } = appended.first;
      const otherEventHeader = event_header !== delivery.eventHeader;
      const error = this.#log.failureOf(seq);
      return [{ kind: 'recorded', seq, duplicate: true, type, error, otherEventHeader }, head];
    }
    const { seq } = appended.head;
    const recorded = { seq, signedAt: delivery.signedAt };
    const usable = foldEvent(read, recorded, tables, (...failure) => this.#log.addFailure(...failure));
    const error = usable ? null : this.#log.failureOf(seq);
    return [
      { kind: 'recorded', seq, duplicate: false, type: read.type, error, otherEventHeader: false },
      appended.head,
    ];
  }

  /** The tables that reflect the whole log up to `head` and were made by this code's version of the projection. */
  #currentTables(head: Head): { current: ProjectionTable[]; lagging: string[]; isBehind: boolean } {
    let isBehind = false;
    const states = this.#states.read();
    const current: ProjectionTable[] = [];
    const lagging: string[] = [];
    for (const projection of this.#projections) {
      const state = states.get(projection.name);
      if (state?.version !== projection.version) {
        this.#tables.delete(projection.name);
        lagging.push(projection.name);
        continue;
      }
      const table = this.#table(projection);
      const applied = this.#catchUp(table, state.applied_seq, head);
      if (applied === head.seq) {
        current.push(table);
        continue;
      }
      lagging.push(projection.name);
      // A table ahead of its log, or a log that cannot be read on, is damage: `verify` names it, a rebuild mends it.
      if (applied > state.applied_seq && applied < head.seq) isBehind = true;
    }
    return { current, lagging, isBehind };
  }

  /** Folds events that a process with other code has left out. @returns the seq that the table reflects now */
  #catchUp(table: ProjectionTable, after: number, head: Head): number {
    if (after >= head.seq) return after;
    let applied = after;
    for (const recorded of this.#log.range(after, head.seq, LOG_RANGE_EVENTS)) {
      const read = readBody(recorded.body, recorded.eventHeader);
      foldEvent(read, recorded, [table], (...failure) => this.#log.addFailure(...failure));
      applied = recorded.seq;
    }
    this.#states.advance(table.projection.name, applied);
    return applied;
  }

  #table(projection: Projection): ProjectionTable {
    let table = this.#tables.get(projection.name);
    if (table === undefined) {
      table = new ProjectionTable(this.#database, projection, projection.name);
      this.#tables.set(projection.name, table);
    }
    return table;
  }
}
