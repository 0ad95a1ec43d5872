/**
 * The tables of a rebuild in the live file: filled under the name `…_next` beside the live ones, put in their
 * place, and the old ones, `…_old`, removed a few rows at a time.
 */

import type { Database, Statement } from 'better-sqlite3';
import type { EventLog } from './event-log.ts';
import { foldRange, unreadable } from './folding.ts';
import { BATCH_BYTES_MAX, REBUILD_FOLD_EVENTS } from './limits.ts';
import type { Pace } from './pace.ts';
import type { Derivations, Projection } from './projection.ts';
import { type AddFailure, createTableSql, ProjectionTable } from './projection-table.ts';
import { failuresTable } from './schema.ts';

/** Told after each piece of work. `fold` counts events, `clean` rows. */
export interface RebuildProgress {
  readonly phase: 'fold' | 'clean';
  readonly done: number;
  readonly total: number;
}

/** The new tables in the live file, before the swap. Events are folded in memory, and their rows written after it. */
export class NextTables {
  readonly #database: Database;
  readonly #projections: readonly Projection[];
  readonly #log: EventLog;
  readonly #tables: ProjectionTable[] = [];
  readonly #failures: Parameters<AddFailure>[] = [];
  #insertFailure: Statement<[number, string, string]> | undefined;
  #folded = 0;
  /** Folded, and not yet in the tables. */
  #unwritten = { events: 0, bytes: 0 };

  constructor(database: Database, projections: readonly Projection[], log: EventLog) {
    this.#database = database;
    this.#projections = projections;
    this.#log = log;
  }

  /** Makes the empty tables, within the caller's transaction; none of them may exist. */
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

  /** The last event that is folded; it is in the tables when write() has nothing more to do. */
  get folded(): number {
    return this.#folded;
  }

  /**
   * Folds the next few events up to `upTo` in memory; takes no lock.
   * @returns whether more of them may be folded before write()
   * @throws Error if the log cannot be read on before `upTo`
   */
  fold(upTo: number): boolean {
    const note: AddFailure = (...failure) => void this.#failures.push(failure);
    const range = foldRange(this.#log, this.#folded, upTo, this.#tables, note);
    if (range.seq === this.#folded) throw unreadable(range.seq, upTo);
    const unwritten = this.#unwritten;
    unwritten.events += range.seq - this.#folded;
    unwritten.bytes += range.bytes;
    this.#folded = range.seq;
    return range.seq < upTo && unwritten.events < REBUILD_FOLD_EVENTS && unwritten.bytes < BATCH_BYTES_MAX;
  }

  /** Writes up to `limit` rows of what is folded, within the caller's transaction. @returns how many; 0: all is written */
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

/** The old table is only renamed here: dropping a large one would hold the lock for long. */
export function exchangeTable(database: Database, name: string): void {
  const exists = database
    .prepare("SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?")
    .get(name);
  if (exists !== undefined) database.exec(`ALTER TABLE main.${name} RENAME TO ${name}_old`);
  database.exec(`ALTER TABLE main.${name}_next RENAME TO ${name}`);
}

/** Removes the old tables after a swap, and what a rebuild that was killed has left, a few rows at a time. */
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
