/**
 * Tables folded from the log beside the live ones: under other names for a rebuild, which swaps them in, or in SQLite's
 * temporary database for comparisons and views of the past. The temporary database is a file of its own, which SQLite
 * removes with the connection, so that connection may be read-only; there it hides the live tables of the same names.
 */

import type { Database, Statement } from 'better-sqlite3';
import type { Failure } from '../../../core/event/recorded-event.ts';
import { BATCH_BYTES_MAX, REBUILD_FOLD_EVENTS } from '../../../core/limits.ts';
import type { Projection } from '../../../core/tables/projection.ts';
import { createTableSql, failuresTable } from '../file/schema.ts';
import type { EventLog } from '../log/event-log.ts';
import { foldRange, unreadable } from '../log/fold-range.ts';
import { Rows } from '../log/rows.ts';

export interface SideTablesOptions {
  readonly database: Database;
  readonly log: EventLog;
  readonly projections: readonly Projection[];
  /** The name under which a table is created; none of them may exist. */
  readonly nameOf: (table: string) => string;
  /** See foldRange(). */
  readonly withUnfolded: boolean;
}

export class SideTables {
  readonly #options: SideTablesOptions;
  readonly #tables: readonly Rows[];
  readonly #insertFailure: Statement<[number, string, string]>;
  readonly #failures: Failure[] = [];
  #folded = 0;
  /** Folded, but not yet in the tables. */
  #unwritten = { events: 0, bytes: 0 };

  /** Creates the empty tables, within the caller's transaction if there is one. */
  constructor(options: SideTablesOptions) {
    const { database, log, projections, nameOf } = options;
    this.#options = options;
    this.#tables = projections.map((projection) => {
      const name = nameOf(projection.name);
      database.exec(createTableSql(projection, name));
      return new Rows(database, log, projection, name);
    });
    const failures = nameOf('failures');
    database.exec(failuresTable(failures));
    this.#insertFailure = database.prepare(`INSERT INTO ${failures} (seq, stage, error) VALUES (?, ?, ?)`);
  }

  /** The last folded event; it is in the tables once write() has nothing left to write. */
  get folded(): number {
    return this.#folded;
  }

  /**
   * Folds the next few events, up to `upTo`, in memory without a lock.
   * @returns whether more events may be folded before write()
   * @throws EngineError if the log cannot be read up to `upTo`
   */
  fold(upTo: number): boolean {
    const { log, withUnfolded } = this.#options;
    const { seq, bytes, failures } = foldRange(log, this.#folded, upTo, this.#tables, withUnfolded);
    if (seq === this.#folded) throw unreadable(seq, upTo);
    this.#failures.push(...failures);
    const unwritten = this.#unwritten;
    unwritten.events += seq - this.#folded;
    unwritten.bytes += bytes;
    this.#folded = seq;
    return seq < upTo && unwritten.events < REBUILD_FOLD_EVENTS && unwritten.bytes < BATCH_BYTES_MAX;
  }

  /** Writes up to `limit` folded rows within the caller's transaction. @returns how many; 0 if all are written */
  write(limit: number = Number.POSITIVE_INFINITY): number {
    let written = 0;
    for (const table of this.#tables)
      written += table.write((failure) => this.#addFailure(failure), limit - written);
    for (const failure of this.#failures.splice(0, limit - written)) {
      this.#addFailure(failure);
      written += 1;
    }
    if (written === 0) this.#unwritten = { events: 0, bytes: 0 };
    return written;
  }

  #addFailure({ seq, stage, error }: Failure): void {
    this.#insertFailure.run(seq, stage, error);
  }
}
