/**
 * The tables that a batch folds into: those of this code's version that reflect the whole log. A table that only lacks
 * events, because a process with other code was writing, is caught up a piece at a time.
 */

import type { Database } from 'better-sqlite3';
import type { Projection } from '../../core/tables/projection.ts';
import { tableProblem } from '../../core/tables/table-problem.ts';
import { faultText, storageFault } from './file/storage-fault.ts';
import type { EventLog } from './log/event-log.ts';
import { foldRange } from './log/fold-range.ts';
import { Rows } from './log/rows.ts';
import type { TableStates } from './log/table-states.ts';

export interface FoundTables {
  readonly current: readonly Rows[];
  /** Projections whose table lacks events. */
  readonly lagging: readonly string[];
  /** Whether one of them has this code's version and the next look will fold more into it. */
  readonly isBehind: boolean;
  /** Why a table could not be caught up now, if storage is not the reason; for the operator. */
  readonly defect: string | undefined;
}

export class CurrentTables {
  readonly #database: Database;
  readonly #projections: readonly Projection[];
  readonly #log: EventLog;
  readonly #states: TableStates;
  readonly #tables = new Map<Projection, Rows>();

  constructor(database: Database, projections: readonly Projection[], log: EventLog, states: TableStates) {
    this.#database = database;
    this.#projections = projections;
    this.#log = log;
    this.#states = states;
  }

  /**
   * Finds out which tables are current, and catches up those that are behind. Call it inside a write transaction.
   * @param head the log's last seq
   */
  find(head: number): FoundTables {
    const states = this.#states.read();
    const current: Rows[] = [];
    const lagging: string[] = [];
    let isBehind = false;
    let defect: string | undefined;
    for (const projection of this.#projections) {
      const { name } = projection;
      const kind = tableProblem(projection, states, head)?.kind;
      // Otherwise nothing would show it once the log has grown to that seq again.
      if (kind === 'ahead') this.#states.markAhead(name);
      const isOurs = kind === undefined || kind === 'behind';
      if (!isOurs) this.#tables.delete(projection);
      const before = states.get(name)?.applied_seq ?? 0;
      const applied = isOurs ? this.#catchUp(this.#table(projection), before, head) : undefined;
      if (typeof applied === 'string') defect = applied;
      if (applied === head) current.push(this.#table(projection));
      else lagging.push(name);
      // A log that cannot be read further is damaged, which `verify` reports.
      if (typeof applied === 'number' && applied > before && applied < head) isBehind = true;
    }
    return { current, lagging, isBehind, defect };
  }

  /** Drops the rows in memory: after a rollback, or when another connection may have written. */
  forget(): void {
    for (const table of this.#tables.values()) table.forget();
  }

  /**
   * Folds events that a process with other code did not fold. If this fails for a reason other than storage, the table
   * stays behind, because the batch must not fail for events that are in the log already.
   * @returns the seq that the table reflects now, or why it cannot be caught up
   */
  #catchUp(table: Rows, after: number, head: number): number | string {
    if (after >= head) return after;
    const { name } = table.projection;
    const inSavepoint = this.#database.transaction(() => {
      const { seq, failures } = foldRange(this.#log, after, head, [table], false);
      for (const failure of failures) this.#log.failures.add(failure);
      table.write((failure) => this.#log.failures.add(failure));
      this.#states.advance(name, seq);
      return seq;
    });
    try {
      return inSavepoint();
    } catch (error) {
      if (storageFault(error) !== 'other') throw error;
      table.forget();
      return `the table ${name} cannot be brought up to date: ${faultText(error)}`;
    }
  }

  #table(projection: Projection): Rows {
    let table = this.#tables.get(projection);
    if (table === undefined) {
      table = new Rows(this.#database, this.#log, projection, projection.name);
      this.#tables.set(projection, table);
    }
    return table;
  }
}
