/**
 * A rebuild's tables in the live file. They are filled under the name `…_next` next to the live ones and then replace
 * them. The old tables, `…_old`, are removed a few rows at a time.
 */

import type { Database, Statement } from 'better-sqlite3';
import { BATCH_BYTES_MAX, REBUILD_FOLD_EVENTS } from '../../../core/limits.ts';
import { foldRange, unreadable } from '../../../core/tables/folding.ts';
import type { Derivations, Projection } from '../../../core/tables/projection.ts';
import { failuresTable } from '../file/schema.ts';
import type { EventLog } from '../log/event-log.ts';
import { type AddFailure, createTableSql, ProjectionTable } from '../log/projection-table.ts';
import type { Pace } from './pace.ts';

/** Reported after each piece of work. `fold` counts events, `clean` counts rows. */
export interface RebuildProgress {
  readonly phase: 'fold' | 'clean';
  readonly done: number;
  readonly total: number;
}

/** The new tables in the live file, before the swap. Events are folded in memory; their rows are written afterwards. */
export class NextTables {
  readonly #database: Database;
  readonly #projections: readonly Projection[];
  readonly #log: EventLog;
  readonly #withUnfolded: boolean;
  readonly #tables: ProjectionTable[] = [];
  readonly #failures: Parameters<AddFailure>[] = [];
  #insertFailure: Statement<[number, string, string]> | undefined;
  #folded = 0;
  /** Folded, but not yet in the tables. */
  #unwritten = { events: 0, bytes: 0 };

  /** @param withUnfolded see foldRange(); only if all tables are rebuilt */
  constructor(database: Database, projections: readonly Projection[], log: EventLog, withUnfolded: boolean) {
    this.#withUnfolded = withUnfolded;
    this.#database = database;
    this.#projections = projections;
    this.#log = log;
  }

  /** Creates the empty tables within the caller's transaction; none of them may exist. */
  create(): void {
    for (const projection of this.#projections) {
      const table = `main.${projection.name}_next`;
      this.#database.exec(createTableSql(projection, table));
      this.#tables.push(new ProjectionTable(this.#database, projection, table));
    }
    this.#database.exec(failuresTable('main.failures_next'));
    this.#insertFailure = this.#database.prepare(
      'INSERT INTO main.failures_next (seq, stage, error) VALUES (?, ?, ?)',
    );
  }

  /** The last folded event; it is in the tables once write() has nothing left to write. */
  get folded(): number {
    return this.#folded;
  }

  /**
   * Folds the next few events, up to `upTo`, in memory without a lock.
   * @returns whether more events may be folded before write()
   * @throws Error if the log cannot be read up to `upTo`
   */
  fold(upTo: number): boolean {
    const note: AddFailure = (...failure) => void this.#failures.push(failure);
    const range = foldRange(this.#log, this.#folded, upTo, this.#tables, note, this.#withUnfolded);
    if (range.seq === this.#folded) throw unreadable(range.seq, upTo);
    const unwritten = this.#unwritten;
    unwritten.events += range.seq - this.#folded;
    unwritten.bytes += range.bytes;
    this.#folded = range.seq;
    return range.seq < upTo && unwritten.events < REBUILD_FOLD_EVENTS && unwritten.bytes < BATCH_BYTES_MAX;
  }

  /** Writes up to `limit` folded rows within the caller's transaction. @returns how many; 0 if all are written */
  write(limit: number): number {
    const insert = this.#insertFailure;
    let written = 0;
    for (const table of this.#tables)
      written += table.write((...failure) => void insert?.run(...failure), limit - written);
    for (const failure of this.#failures.splice(0, limit - written)) {
      insert?.run(...failure);
      written += 1;
    }
    if (written === 0) this.#unwritten = { events: 0, bytes: 0 };
    return written;
  }
}

/** Only renames the old table: dropping a large one would hold the lock for a long time. */
export function exchangeTable(database: Database, name: string): void {
  const exists = database
    .prepare("SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?")
    .get(name);
  if (exists !== undefined) database.exec(`ALTER TABLE main.${name} RENAME TO ${name}_old`);
  database.exec(`ALTER TABLE main.${name}_next RENAME TO ${name}`);
}

/** Removes the old tables after a swap, and the leftovers of a killed rebuild, a few rows at a time. */
export async function cleanLeftovers(
  database: Database,
  derivations: Derivations,
  pace: Pace,
  onProgress: (progress: RebuildProgress) => void,
): Promise<void> {
  const ours = [...derivations.projections.map(({ name }) => name), 'failures'];
  const isThere = database.prepare("SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?");
  const names = ours
    .flatMap((name) => [`${name}_old`, `${name}_next`])
    .filter((name) => isThere.get(name) !== undefined);
  for (const name of names) {
    const total = database.prepare(`SELECT count(*) FROM main."${name}"`).pluck().get() as number;
    const remove = database.prepare(
      `DELETE FROM main."${name}" WHERE rowid IN (SELECT rowid FROM main."${name}" LIMIT ?)`,
    );
    for (let done = 0; done < total; ) {
      const removed = await pace.write((limit) => remove.run(limit).changes);
      if (removed === 0) break;
      done += removed;
      onProgress({ phase: 'clean', done, total });
    }
    await pace.write(() => {
      database.exec(`DROP TABLE main."${name}"`);
      return 0;
    });
  }
}
