/**
 * One batch is one transaction. Each new delivery is inserted, linked into the chain and folded into the
 * projections. A 2xx may be sent once the commit returns, because everything is fsynced by then.
 */

import * as crypto from 'node:crypto'; // a missing named import would stop old Nodes before the version check
import type { Database, Statement } from 'better-sqlite3';
import { EngineError } from '../../core/engine-error.ts';
import { bodyTimeMs } from '../../core/event/body-time.ts';
import type { Delivery, Recorded } from '../../core/event/delivery.ts';
import { type ReadBody, readBody } from '../../core/event/event.ts';
import { type Head, WRITER_STAGE } from '../../core/event/recorded-event.ts';
import { IRISX } from '../../core/packaging.ts';
import { foldEvent } from '../../core/tables/fold-event.ts';
import { foldRange } from '../../core/tables/folding.ts';
import type { Derivations, Projection } from '../../core/tables/projection.ts';
import { faultText, storageFault } from './file/storage-fault.ts';
import { WriteTransactions } from './file/write-transactions.ts';
import { EventLog, type NewEvent } from './log/event-log.ts';
import { ProjectionStates } from './log/projection-state.ts';
import { type AddFailure, ProjectionTable } from './log/projection-table.ts';

export interface BatchResult {
  readonly outcomes: Recorded[];
  /** Projections whose table lacks events: made by another version of the code, or not yet caught up. */
  readonly lagging: string[];
  /** Whether one of them has this code's version and only lacks events that a later append will fold in. */
  readonly isBehind: boolean;
  /** Why a table could not be brought up to date now, if storage is not the reason; for the operator. */
  readonly defect?: string;
}

/** State as of the last batch that only another connection's commit can change. */
interface Known {
  readonly head: Head;
  /** The tables that reflect the log up to `head` and have this code's version of the projection. */
  readonly current: readonly ProjectionTable[];
  readonly lagging: string[];
  readonly isBehind: boolean;
}

/** Folds a new event, or records why it is not folded. */
type Fold = (
  read: ReadBody,
  recorded: { readonly seq: number; readonly signedAt: number },
  tables: readonly ProjectionTable[],
) => void;

/** The last event is damaged, so no new event can be linked to it. */
function logDamaged(seq: number): EngineError {
  return new EngineError(
    'lost',
    `the last event, seq ${seq}, is damaged: restore a backup, or run \`${IRISX} verify\` for a full report`,
  );
}

/** Appends batches over the only writing connection. */
export class BatchAppender {
  readonly transactions: WriteTransactions;
  readonly #database: Database;
  readonly #projections: readonly Projection[];
  readonly #log: EventLog;
  readonly #states: ProjectionStates;
  readonly #tables = new Map<string, ProjectionTable>();
  readonly #dataVersion: Statement;
  #known: Known | undefined;
  #knownVersion: unknown;
  /** Not reported yet. */
  #defect: string | undefined;
  /** Events of the current batch that some stage could not use. */
  readonly #failed = new Set<number>();

  constructor(database: Database, derivations: Derivations) {
    this.#database = database;
    this.#projections = derivations.projections;
    this.#log = new EventLog(database);
    this.#states = new ProjectionStates(database, this.#log);
    this.transactions = new WriteTransactions(database);
    this.#dataVersion = database.prepare('PRAGMA data_version').pluck();
  }

  /** The log's last event, as committed. @throws EngineError */
  head(): Head {
    const head = this.#log.head();
    if (!(head.chain instanceof Uint8Array)) throw logDamaged(head.seq);
    return head;
  }

  /**
   * Appends either all of `deliveries` or none of them.
   * @returns one outcome per delivery, in order, after the commit has been fsynced
   * @throws what SQLite throws, after a rollback; if the file is lost, there is no rollback and the connection must
   *   not be used again
   */
  append(deliveries: readonly Delivery[]): BatchResult {
    return this.#append(deliveries, (read, recorded, tables) =>
      foldEvent(read, recorded, tables, this.#addFailure),
    );
  }

  /**
   * Appends a delivery that makes its batch fail: it gets a row in `failures` instead of rows in the tables. A rebuild
   * folds it later.
   * @param reason text of the failure, which must not contain text from the delivery
   * @returns as append() @throws as append()
   */
  appendUnfolded(delivery: Delivery, reason: string): BatchResult {
    return this.#append([delivery], (_read, { seq }) => this.#addFailure(seq, WRITER_STAGE, reason));
  }

  #append(deliveries: readonly Delivery[], fold: Fold): BatchResult {
    try {
      return this.transactions.run(() => {
        const before = this.#look();
        const [outcomes, head] = this.#appendAll(deliveries, before, fold);
        // If a table is behind, its state must be read again; otherwise only the head has changed.
        this.#known = before.isBehind ? undefined : { ...before, head };
        const { lagging, isBehind } = before;
        const defect = this.#defect;
        this.#defect = undefined;
        return { outcomes, lagging, isBehind, ...(defect !== undefined && { defect }) };
      });
    } catch (error) {
      this.#known = undefined;
      throw error;
    }
  }

  /** Call it inside the transaction, when no other connection can write. */
  #look(): Known {
    const version = this.#dataVersion.get();
    if (this.#known !== undefined && version === this.#knownVersion) return this.#known;
    for (const table of this.#tables.values()) table.forget();
    const head = this.head();
    this.#knownVersion = version;
    return { head, ...this.#currentTables(head) };
  }

  #appendAll(
    deliveries: readonly Delivery[],
    { head: before, current }: Known,
    fold: Fold,
  ): [Recorded[], Head] {
    this.#failed.clear();
    let head = before;
    const recorded = deliveries.map((delivery) => {
      const [outcome, newHead] = this.#appendOne(delivery, head, current, fold);
      head = newHead;
      return outcome;
    });
    for (const table of current) table.write(this.#addFailure);
    if (head.seq > before.seq)
      for (const table of current) this.#states.advance(table.projection.name, head.seq);
    return [recorded.map((outcome) => this.#withError(outcome)), head];
  }

  #appendOne(
    delivery: Delivery,
    head: Head,
    tables: readonly ProjectionTable[],
    fold: Fold,
  ): [Recorded, Head] {
    const read = readBody(delivery.body, delivery.eventHeader);
    const seq = head.seq + 1;
    const event: NewEvent = {
      seq,
      body_time_ms: bodyTimeMs(read.json),
      body_sha256: crypto.hash('sha256', delivery.body, 'buffer'),
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
      const { first } = appended;
      const otherEventHeader = first.event_header !== delivery.eventHeader;
      return [
        {
          kind: 'recorded',
          seq: first.seq,
          duplicate: true,
          type: first.type,
          error: null,
          otherEventHeader,
        },
        head,
      ];
    }
    fold(read, { seq, signedAt: delivery.signedAt }, tables);
    return [
      { kind: 'recorded', seq, duplicate: false, type: read.type, error: null, otherEventHeader: false },
      appended.head,
    ];
  }

  /** Adds what `failures` records for the event; call it after all rows are written. */
  #withError(outcome: Recorded): Recorded {
    const mayHaveFailed = outcome.duplicate || this.#failed.has(outcome.seq);
    return mayHaveFailed ? { ...outcome, error: this.#log.failureOf(outcome.seq) } : outcome;
  }

  readonly #addFailure: AddFailure = (seq, stage, error) => {
    this.#failed.add(seq);
    this.#log.addFailure(seq, stage, error);
  };

  #currentTables(head: Head): Omit<Known, 'head'> {
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
      // Otherwise nothing would show it once the log has grown to that seq again.
      if (state.applied_seq > head.seq) this.#states.markAhead(projection.name);
      const applied = this.#catchUp(table, state.applied_seq, head);
      if (applied === head.seq) {
        current.push(table);
        continue;
      }
      lagging.push(projection.name);
      // A log that cannot be read further is damaged, which `verify` reports. A table ahead of the log needs a rebuild.
      if (applied > state.applied_seq && applied < head.seq) isBehind = true;
    }
    return { current, lagging, isBehind };
  }

  /**
   * Folds events that a process with other code did not fold. If this fails for a reason other than storage, the table
   * stays behind, because the batch must not fail for events that are in the log already.
   * @returns the seq that the table reflects now
   */
  #catchUp(table: ProjectionTable, after: number, head: Head): number {
    if (after >= head.seq) return after;
    const inSavepoint = this.#database.transaction(() => {
      const { seq: applied } = foldRange(this.#log, after, head.seq, [table], this.#addFailure, false);
      table.write(this.#addFailure);
      this.#states.advance(table.projection.name, applied);
      return applied;
    });
    try {
      return inSavepoint();
    } catch (error) {
      if (storageFault(error) !== 'other') throw error;
      table.forget();
      this.#defect = `the table ${table.projection.name} cannot be brought up to date: ${faultText(error)}`;
      return after;
    }
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
