/**
 * The tables of a rebuild in the live file: filled under the name `…_next` beside the live ones, put in their
 * place, and the old ones, `…_old`, removed a few rows at a time.
 */

import type { Database } from 'better-sqlite3';
import { readBody } from './event.ts';
import type { EventLog } from './event-log.ts';
import { foldEvent } from './fold-event.ts';
import { LOG_RANGE_EVENTS } from './limits.ts';
import type { Derivations, Projection } from './projection.ts';
import { type AddFailure, columnsOf, createTableSql, ProjectionTable } from './projection-table.ts';
import { failuresTable } from './schema.ts';
import type { Briefly } from './write-briefly.ts';

/** Told after each piece of work. `fold` counts events, `copy` and `clean` rows. */
export interface RebuildProgress {
  readonly phase: 'fold' | 'copy' | 'clean';
  readonly done: number;
  readonly total: number;
}

/** Copies the scratch tables into new ones in the live file. @returns rows by table */
export async function copyTables(
  database: Database,
  projections: readonly Projection[],
  briefly: Briefly,
  onProgress: (progress: RebuildProgress) => void,
): Promise<Record<string, number>> {
  const sources = [
    ...projections.map((projection) => ({
      name: projection.name,
      sql: createTableSql(projection, `main.${projection.name}_next`),
      columns: columnsOf(projection),
    })),
    { name: 'failures', sql: failuresTable('main.failures_next'), columns: ['seq', 'stage', 'error'] },
  ];
  const count = (name: string) =>
    database.prepare(`SELECT count(*) FROM scratch.${name}`).pluck().get() as number;
  const rows = Object.fromEntries(sources.map(({ name }) => [name, count(name)]));
  const total = Object.values(rows).reduce((sum, n) => sum + n, 0);
  let done = 0;
  for (const { name, sql, columns } of sources) {
    await briefly(() => {
      database.exec(sql);
      return 0;
    });
    const list = columns.join(', ');
    const copy = database.prepare(
      `INSERT INTO main.${name}_next (rowid, ${list}) SELECT rowid, ${list} FROM scratch.${name} WHERE rowid > ? ORDER BY rowid LIMIT ?`,
    );
    for (let copied = 0; copied < (rows[name] ?? 0); ) {
      // Scratch rows were only ever inserted, so their rowids are 1, 2, 3, …
      copied += await briefly((limit) => copy.run(copied, limit).changes);
      onProgress({ phase: 'copy', done: done + copied, total });
    }
    done += rows[name] ?? 0;
  }
  return rows;
}

/** The new tables in the live file, before the swap. */
export class NextTables {
  readonly #tables: ProjectionTable[];
  readonly #addFailure: AddFailure;

  constructor(database: Database, projections: readonly Projection[]) {
    this.#tables = projections.map(
      (projection) => new ProjectionTable(database, projection, `main.${projection.name}_next`),
    );
    const insert = database.prepare('INSERT INTO main.failures_next (seq, stage, error) VALUES (?, ?, ?)');
    this.#addFailure = (...failure) => void insert.run(...failure);
  }

  /** Folds up to `limit` events after `after`. @returns the last seq folded */
  fold(log: EventLog, after: number, limit: number): number {
    let applied = after;
    for (const recorded of log.range(after, Number.MAX_SAFE_INTEGER, Math.min(limit, LOG_RANGE_EVENTS))) {
      foldEvent(readBody(recorded.body, recorded.eventHeader), recorded, this.#tables, this.#addFailure);
      applied = recorded.seq;
    }
    for (const table of this.#tables) table.write(this.#addFailure);
    return applied;
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
  briefly: Briefly,
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
      const removed = await briefly((limit) => remove.run(limit).changes);
      if (removed === 0) break;
      done += removed;
      onProgress({ phase: 'clean', done, total });
    }
    await briefly(() => {
      database.exec(`DROP TABLE main."${name}"`);
      return 0;
    });
  }
}
