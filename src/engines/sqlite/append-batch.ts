/**
 * One batch is one transaction. What it writes is computed by the pure functions in core/tables once the log is locked.
 * A 2xx may be sent when the commit returns, because everything is fsynced by then.
 */

import type { Database, Statement } from 'better-sqlite3';
import type { BatchResult } from '../../core/engine/engine.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { Recorded } from '../../core/event/delivery.ts';
import type { Failure, Head } from '../../core/event/recorded-event.ts';
import { IRISX } from '../../core/packaging.ts';
import { append } from '../../core/tables/append.ts';
import { fold } from '../../core/tables/fold.ts';
import type { PreparedDelivery } from '../../core/tables/prepare.ts';
import type { Projection } from '../../core/tables/projection.ts';
import { CurrentTables, type FoundTables } from './current-tables.ts';
import { WriteTransactions } from './file/write-transactions.ts';
import { EventLog } from './log/event-log.ts';
import { changeRows, loadRows } from './log/rows.ts';
import { TableStates } from './log/table-states.ts';

/** State as of the last batch that only another connection's commit can change. */
interface Known extends FoundTables {
  readonly head: Head;
}

/** Appends batches over the only writing connection. */
export class BatchAppender {
  readonly transactions: WriteTransactions;
  readonly #log: EventLog;
  readonly #states: TableStates;
  readonly #tables: CurrentTables;
  readonly #dataVersion: Statement;
  #known: Known | undefined;
  #knownVersion: unknown;

  constructor(database: Database, projections: readonly Projection[]) {
    this.#log = new EventLog(database);
    this.#states = new TableStates(database, this.#log);
    this.#tables = new CurrentTables(database, projections, this.#log, this.#states);
    this.transactions = new WriteTransactions(database);
    this.#dataVersion = database.prepare('PRAGMA data_version').pluck();
  }

  /** The log's last event, as committed. @throws EngineError `lost` if it is damaged */
  head(): Head {
    const head = this.#log.head();
    if (head.chain instanceof Uint8Array) return head;
    throw new EngineError(
      'lost',
      `the last event, seq ${head.seq}, is damaged: restore a backup, or run \`${IRISX} verify\` for a full report`,
    );
  }

  /**
   * Appends either all of `batch` or none of it.
   * @returns one outcome per delivery, in order, after the commit has been fsynced
   * @throws what SQLite throws, after a rollback; if the file is lost, there is no rollback and the connection must
   *   not be used again
   */
  append(batch: readonly PreparedDelivery[]): BatchResult {
    try {
      return this.transactions.run(() => {
        const known = this.#look();
        const [outcomes, head] = this.#write(batch, known);
        // If a table is behind, its state must be read again; otherwise only the head has changed.
        this.#known = known.isBehind ? undefined : { ...known, head, defect: undefined };
        const { lagging, isBehind, defect } = known;
        return { outcomes, head, lagging, isBehind, ...(defect !== undefined && { defect }) };
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
    this.#tables.forget();
    const head = this.head();
    this.#knownVersion = version;
    return { head, ...this.#tables.find(head.seq) };
  }

  #write(batch: readonly PreparedDelivery[], { head, current }: Known): [Recorded[], Head] {
    const known = batch.map(({ bodyTimeMs, bodySha256 }) => this.#log.known(bodyTimeMs, bodySha256));
    const before = loadRows(
      current,
      batch.map(({ event }) => event),
    );

    const appended = append(batch, head, known);
    const folded = fold(appended.events, before);

    const failures: Failure[] = [];
    const addFailure = (failure: Failure) => {
      failures.push(failure);
      this.#log.failures.add(failure);
    };
    for (const { stored } of appended.events) this.#log.insert(stored);
    for (const failure of folded.failures) addFailure(failure);
    changeRows(current, folded);
    for (const table of current) table.write(addFailure);
    if (appended.events.length > 0)
      for (const { projection } of current) this.#states.advance(projection.name, appended.head.seq);
    return [appended.outcomes(failures), appended.head];
  }
}
