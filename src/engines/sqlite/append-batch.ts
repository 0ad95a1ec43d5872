/**
 * One batch is one transaction. What it writes is computed by the pure functions in core/tables once the log is locked.
 * A 2xx may be sent when the commit returns, because everything is fsynced by then.
 *
 * A batch folds into the tables of this code's version that reflect the whole log. A table that only lacks events,
 * because a process with other code was writing, is first brought up to date, a piece per batch.
 */

import type { Database } from 'better-sqlite3';
import type { BatchResult } from '../../core/engine/engine.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { Failure, Head } from '../../core/event/recorded-event.ts';
import { IRISX } from '../../core/packaging.ts';
import { append } from '../../core/tables/append.ts';
import type { PreparedDelivery } from '../../core/tables/prepare.ts';
import type { Projection } from '../../core/tables/projection.ts';
import { dataVersion } from './file/statement.ts';
import { faultText, storageFault } from './file/storage-fault.ts';
import { WriteTransactions } from './file/write-transactions.ts';
import { addFailure, headOf, insertEvent, knownEvent } from './log/event-log.ts';
import { foldInto, foldRange, Rows } from './log/rows.ts';
import { setTableState, tableProblems } from './log/table-states.ts';

/** What a batch finds. It stays true until another connection commits. */
interface Found extends Omit<BatchResult, 'outcomes'> {
  /** The tables to fold into. */
  readonly current: readonly Rows[];
}

/** Appends batches over the only writing connection, whose `busy_timeout` is 0 from then on: see WriteTransactions. */
export class BatchAppender {
  readonly transactions: WriteTransactions;
  readonly #database: Database;
  readonly #projections: readonly Projection[];
  readonly #tables = new Map<Projection, Rows>();
  readonly #addFailure: (failure: Failure) => void;
  #found: Found | undefined;
  /** SQLite's data version when #found was read. */
  #foundVersion: unknown;

  constructor(database: Database, projections: readonly Projection[]) {
    this.#database = database;
    this.#projections = projections;
    this.#addFailure = (failure) => addFailure(database, failure);
    this.transactions = new WriteTransactions(database);
  }

  /** The log's last event, as committed. @throws EngineError `lost` if it is damaged */
  head(): Head {
    const head = headOf(this.#database);
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
      return this.transactions.write(() => {
        const { current, defect, ...found } = this.#find();
        const { outcomes, head } = this.#write(batch, current, found.head);
        // If a table is behind, its state must be read again; otherwise only the head has changed.
        this.#found = found.isBehind ? undefined : { ...found, current, head };
        return { ...found, outcomes, head, ...(defect !== undefined && { defect }) };
      });
    } catch (error) {
      this.#found = undefined;
      throw error;
    }
  }

  #write(batch: readonly PreparedDelivery[], current: readonly Rows[], before: Head) {
    const known = batch.map(({ columns }) =>
      knownEvent(this.#database, columns.body_time_ms, columns.body_sha256),
    );
    const { events, head, outcomes } = append(batch, before, known);
    const failures: Failure[] = [];
    const onFailure = (failure: Failure) => {
      failures.push(failure);
      this.#addFailure(failure);
    };
    for (const { stored } of events) insertEvent(this.#database, stored);
    for (const failure of foldInto(current, events)) onFailure(failure);
    for (const table of current) table.write(onFailure);
    if (events.length > 0)
      for (const { projection } of current) setTableState(this.#database, projection, head.seq);
    return { outcomes: outcomes(failures), head };
  }

  /** Call it inside the transaction, when no other connection can write. */
  #find(): Found {
    const version = dataVersion(this.#database);
    if (this.#found !== undefined && version === this.#foundVersion) return this.#found;
    for (const table of this.#tables.values()) table.forget();
    this.#foundVersion = version;
    const head = this.head();
    const problems = tableProblems(this.#database, this.#projections);
    const current: Rows[] = [];
    const lagging: string[] = [];
    let isBehind = false;
    let defect: string | undefined;
    for (const projection of this.#projections) {
      const problem = problems.find((each) => each.projection === projection);
      // A table that is ahead stays so until it is rebuilt, because the log will grow to that seq again.
      if (problem?.kind === 'ahead') setTableState(this.#database, projection, Number.MAX_SAFE_INTEGER);
      if (problem !== undefined && problem.kind !== 'behind') {
        this.#tables.delete(projection);
        lagging.push(projection.name);
        continue;
      }
      const table = this.#tables.get(projection) ?? new Rows(this.#database, projection);
      this.#tables.set(projection, table);
      const before = problem?.reflectedSeq ?? head.seq;
      const applied = this.#catchUp(table, before, head.seq);
      if (typeof applied === 'string') defect = applied;
      if (applied === head.seq) current.push(table);
      else lagging.push(projection.name);
      // A log that cannot be read further is damaged, which `verify` reports.
      if (typeof applied === 'number' && applied > before && applied < head.seq) isBehind = true;
    }
    return { head, current, lagging, isBehind, ...(defect !== undefined && { defect }) };
  }

  /**
   * Folds events that a process with other code did not fold. If this fails for a reason other than storage, the table
   * stays behind, because the batch must not fail for events that are in the log already.
   * @returns the seq that the table reflects now, or why it cannot be brought up to date
   */
  #catchUp(table: Rows, after: number, head: number): number | string {
    if (after >= head) return after;
    const inSavepoint = this.#database.transaction(() => {
      const { seq, failures } = foldRange(this.#database, after, head, [table], false);
      for (const failure of failures) this.#addFailure(failure);
      table.write(this.#addFailure);
      setTableState(this.#database, table.projection, seq);
      return seq;
    });
    try {
      return inSavepoint();
    } catch (error) {
      if (storageFault(error) !== 'other') throw error;
      table.forget();
      return `the table ${table.projection.name} cannot be brought up to date: ${faultText(error)}`;
    }
  }
}
