/**
 * The rows of one projection's table: loads those that a fold needs, keeps what a fold has changed, and writes it once,
 * because a call's next event usually follows soon. All SQL on these tables follows from the projection's definition.
 * Whatever changes them folds here: new events, and ranges of the log for tables that lag, rebuilds and comparisons.
 */

import type { Database, Statement } from 'better-sqlite3';
import { EngineError } from '../../../core/engine-error.ts';
import { type Failure, WHOLE_EVENT } from '../../../core/event/recorded-event.ts';
import { ROWS_KEPT_BYTES_MAX } from '../../../core/limits.ts';
import {
  type ChangedRow,
  type FoldingEvent,
  fold,
  foldEvent,
  keysOf,
  type LoadedRows,
} from '../../../core/tables/fold.ts';
import { prepareRecorded, reasonOf } from '../../../core/tables/prepare.ts';
import type { Projection, Row, Value } from '../../../core/tables/projection.ts';
import { engineError, faultText, storageFault } from '../file/storage-fault.ts';
import { recordedEvents, unfoldedEvents } from './event-log.ts';

export class Rows {
  readonly projection: Projection;
  readonly #database: Database;
  readonly #select: Statement<[string], Row>;
  readonly #upsert: Statement<Value[]>;
  readonly #columns: string[];
  /** As the table has them, in the order in which they were written. */
  readonly #kept = new Map<string, { readonly row: Row; readonly bytes: number }>();
  /** Approximate size of the kept rows in memory. */
  #keptBytes = 0;
  /** What write() must write, by key. */
  readonly #changed = new Map<string, ChangedRow>();

  /**
   * Prepares the statements: the table must exist and have the projection's version.
   * @param table its name, as SQL names it: a rebuild makes a second one
   */
  constructor(database: Database, projection: Projection, table: string = projection.name) {
    this.projection = projection;
    this.#database = database;
    this.#columns = projection.columns.map(({ name }) => name);
    const columns = this.#columns.join(', ');
    const others = this.#columns.filter((column) => column !== projection.key);
    try {
      this.#select = database.prepare(`SELECT ${columns} FROM ${table} WHERE ${projection.key} = ?`);
      this.#upsert = database.prepare(
        `INSERT INTO ${table} (${columns})
         VALUES (${this.#columns.map(() => '?').join(', ')})
         ON CONFLICT (${projection.key}) DO UPDATE SET ${others.map((c) => `${c} = excluded.${c}`).join(', ')}`,
      );
    } catch (error) {
      if (storageFault(error) !== 'other') throw error;
      const hint = `increase the version of the projection ${projection.name} when its columns change`;
      throw new EngineError(
        'statement',
        `the columns of the table ${table} differ from this code: ${hint} (${faultText(error)})`,
        { cause: error },
      );
    }
  }

  /**
   * The rows of these keys, as far as they exist, with the changes that are not written yet.
   * @throws only errors that storageFault() classifies as storage faults, unless no transaction is open
   */
  load(keys: readonly string[]): LoadedRows {
    const rows = new Map<string, Row>();
    const unreadable = new Map<string, string>();
    for (const key of keys) {
      if (rows.has(key)) continue;
      try {
        const row = this.#changed.get(key)?.row ?? this.#kept.get(key)?.row ?? this.#select.get(key);
        if (row !== undefined) rows.set(key, row);
      } catch (error) {
        unreadable.set(key, this.#reasonOf(error));
      }
    }
    return { rows, unreadable };
  }

  /** Takes over the rows that a fold has changed. They are in the table only after write(). */
  change(changed: Iterable<ChangedRow>): void {
    for (const change of changed) {
      const earlier = this.#changed.get(change.key);
      if (earlier === undefined) this.#changed.set(change.key, change);
      else {
        earlier.row = change.row;
        earlier.seqs.push(...change.seqs);
      }
    }
  }

  /**
   * Writes changed rows, in the order of their first change, within the caller's transaction.
   * @param onFailure receives the events that the table refuses
   * @param rowsMax maximum number of rows to write
   * @returns the number of rows written
   * @throws only errors that storageFault() classifies as storage faults; call forget() then
   */
  write(onFailure: (failure: Failure) => void, rowsMax: number = Number.POSITIVE_INFINITY): number {
    let written = 0;
    for (const [key, change] of this.#changed) {
      if (written === rowsMax) return written;
      this.#drop(key);
      if (this.#writeProblem(change.row) === undefined) {
        const bytes = bytesOf(change.row);
        this.#kept.set(key, { row: change.row, bytes });
        this.#keptBytes += bytes;
      } else this.#writeEach(change, onFailure);
      this.#changed.delete(key);
      written += 1;
    }
    for (const key of this.#kept.keys()) {
      if (this.#keptBytes <= ROWS_KEPT_BYTES_MAX) break;
      this.#drop(key);
    }
    return written;
  }

  #drop(key: string): void {
    this.#keptBytes -= this.#kept.get(key)?.bytes ?? 0;
    this.#kept.delete(key);
  }

  /** The row violates a constraint of its table. Folding and writing event by event finds the one that causes it. */
  #writeEach({ key, before, seqs }: ChangedRow, onFailure: (failure: Failure) => void): void {
    let last = before;
    for (const seq of seqs) {
      const [recorded] = recordedEvents(this.#database, seq - 1, seq);
      const content = recorded && prepareRecorded(recorded, [this.projection]).content;
      if (content === undefined) continue;
      const folded = foldEvent(this.projection, last, { ...content, seq }, key);
      const error = 'error' in folded ? folded.error : this.#writeProblem(folded.row);
      if (error !== undefined) onFailure({ seq, stage: this.projection.name, field: WHOLE_EVENT, error });
      else if ('row' in folded) last = folded.row;
    }
  }

  /** Writes a row. @returns why the table refuses it; undefined if it is written */
  #writeProblem(row: Row): string | undefined {
    try {
      this.#upsert.run(...this.#columns.map((column) => row[column] as Value));
      return undefined;
    } catch (error) {
      return this.#reasonOf(error);
    }
  }

  /** @throws the error if it is a storage fault, or if a trigger has rolled back the caller's transaction */
  #reasonOf(error: unknown): string {
    if (storageFault(error) !== 'other' || !this.#database.inTransaction) throw error;
    return reasonOf(engineError(error));
  }

  /** Drops what is in memory: after a rollback, or when another connection may have written to the table. */
  forget(): void {
    this.#kept.clear();
    this.#keptBytes = 0;
    this.#changed.clear();
  }
}

/** Folds events into these tables, which have the changes once their write() is called. @returns what failed */
export function foldInto(tables: readonly Rows[], events: readonly FoldingEvent[]): readonly Failure[] {
  const keys = keysOf(events);
  const before = new Map(
    tables.map((table) => [table.projection.name, table.load(keys.get(table.projection.name) ?? [])]),
  );
  const folded = fold(events, before);
  for (const table of tables) table.change(folded.tables.get(table.projection.name)?.changed.values() ?? []);
  return folded.failures;
}

/**
 * Folds the next events with `after` < seq ≤ `upTo`: as many as the log reads at once.
 * @param withUnfolded whether to fold events that were appended without being folded. If not, they keep their failure:
 *   all tables of a log must treat them alike, so only what rebuilds or shows all of them may fold them
 * @returns the last folded event, `after` if none was folded; the approximate size of the bodies; what failed
 */
export function foldRange(
  database: Database,
  after: number,
  upTo: number,
  tables: readonly Rows[],
  withUnfolded: boolean,
): { readonly seq: number; readonly bytes: number; readonly failures: readonly Failure[] } {
  const range = recordedEvents(database, after, upTo);
  const seq = range.at(-1)?.seq ?? after;
  const unfolded = withUnfolded ? [] : unfoldedEvents(database, after, seq);
  const leftOut = new Map(unfolded.map((failure) => [failure.seq, failure.error]));
  const projections = tables.map(({ projection }) => projection);
  const events = range.map((recorded) => ({
    seq: recorded.seq,
    prepared: prepareRecorded(recorded, projections, leftOut.get(recorded.seq)),
  }));
  const bytes = range.reduce((sum, { body }) => sum + body.length, 0);
  return { seq, bytes, failures: foldInto(tables, events) };
}

const VALUE_BYTES = 16;

function bytesOf(row: Row): number {
  let bytes = 0;
  for (const name in row) {
    const value = row[name];
    bytes += VALUE_BYTES + (typeof value === 'string' ? value.length : 0);
  }
  return bytes;
}
