/**
 * Rebuilds projections while a server keeps running. It folds the log in memory piece by piece, writes the rows into
 * new tables and swaps the tables, in time slices that let others write meanwhile. The live tables do not change until
 * the swap, and nothing is lost if the rebuild is killed at any moment.
 */

import type { Database } from 'better-sqlite3';
import type { RebuildOptions, RebuildResult } from '../../../core/engine/engine.ts';
import { EngineError } from '../../../core/engine-error.ts';
import { REBUILD_REMAINDER_EVENTS_MAX } from '../../../core/limits.ts';
import type { Derivations } from '../../../core/tables/projection.ts';
import { type RebuildPlan, rebuildPlan, refuseNewer } from '../../../core/tables/table-problem.ts';
import { openDatabase } from '../file/database.ts';
import { lockRebuild } from '../file/file-lock.ts';
import { withoutViews } from '../file/views.ts';
import { WriteTransactions } from '../file/write-transactions.ts';
import { headOf, unfoldedEvents } from '../log/event-log.ts';
import { setTableState, tableProblems } from '../log/table-states.ts';
import { SideTables } from './side-tables.ts';
import { TimeSlices } from './time-slices.ts';

/**
 * @returns when the new tables are live and the old ones are gone
 * @throws EngineError, `under-way` if another rebuild is in progress, and what node:fs or SQLite throws; then the live
 *   tables are unchanged
 */
export async function rebuild(
  databasePath: string,
  derivations: Derivations,
  { projections: wanted, onProgress = () => {} }: RebuildOptions,
): Promise<RebuildResult> {
  const database = openDatabase(databasePath, derivations);
  const headSeq = () => headOf(database).seq;
  try {
    const plan = rebuildPlan(
      wanted,
      derivations.projections,
      tableProblems(database, derivations.projections),
      unfoldedEvents(database, 0, headSeq()).length > 0,
    );
    const unlock = locked(databasePath);
    try {
      // Nothing needs to be durable before the swap, whose fsync covers all of it.
      database.pragma('synchronous = NORMAL');
      const transactions = new WriteTransactions(database);
      const slices = new TimeSlices(database, transactions);
      await removeLeftovers(database, derivations, slices, onProgress);
      const next = transactions.write(
        () => new SideTables(database, plan.projections, (table) => `main.${table}_next`, plan.isWhole),
      );
      for (let head = headSeq(); head - next.folded > REBUILD_REMAINDER_EVENTS_MAX; head = headSeq()) {
        await slices.compute(() => next.fold(head));
        while ((await slices.write((limit) => next.write(limit))) > 0);
        onProgress('fold', next.folded, head);
      }
      database.pragma('synchronous = FULL');
      const seq = transactions.write(() => swap(database, derivations, plan, next));
      database.pragma('synchronous = NORMAL');
      await removeLeftovers(database, derivations, slices, onProgress);
      const rows = plan.projections.map(({ name }) => [name, countOf(database, name)] as const);
      return { seq, rows: Object.fromEntries(rows), failures: countOf(database, 'failures') };
    } finally {
      unlock();
    }
  } finally {
    database.close();
  }
}

function locked(databasePath: string): () => void {
  const unlock = lockRebuild(databasePath);
  if (unlock === undefined)
    throw new EngineError(
      'under-way',
      `a rebuild is already in progress (${databasePath}-rebuild is locked): wait until it ends`,
    );
  return unlock;
}

/** Swaps the tables, within the caller's transaction. @returns the seq that they reflect */
function swap(
  database: Database,
  derivations: Derivations,
  { projections, stages, isWhole }: RebuildPlan,
  next: SideTables,
): number {
  refuseNewer(tableProblems(database, projections));
  const { seq } = headOf(database);
  while (next.folded < seq) next.fold(seq);
  next.write();
  if (!isWhole) {
    database
      .prepare(
        `INSERT INTO main.failures_next (seq, stage, field, error)
         SELECT seq, stage, field, error FROM main.failures WHERE stage NOT IN (${stages.map(() => '?').join(', ')})`,
      )
      .run(...stages);
  }
  withoutViews(database, derivations, () => {
    for (const name of [...projections.map((each) => each.name), 'failures']) {
      // Only renames the old table: dropping a large one would hold the lock for a long time.
      if (isThere(database, name)) database.exec(`ALTER TABLE main.${name} RENAME TO ${name}_old`);
      database.exec(`ALTER TABLE main.${name}_next RENAME TO ${name}`);
    }
  });
  for (const projection of projections) setTableState(database, projection, seq);
  return seq;
}

/** Removes the old tables after a swap, and the leftovers of a killed rebuild, a few rows at a time. */
async function removeLeftovers(
  database: Database,
  { projections }: Derivations,
  slices: TimeSlices,
  onProgress: NonNullable<RebuildOptions['onProgress']>,
): Promise<void> {
  const names = [...projections.map(({ name }) => name), 'failures']
    .flatMap((name) => [`${name}_old`, `${name}_next`])
    .filter((name) => isThere(database, name));
  for (const name of names) {
    const total = countOf(database, name);
    const remove = database.prepare(
      `DELETE FROM main.${name} WHERE rowid IN (SELECT rowid FROM main.${name} LIMIT ?)`,
    );
    for (let done = 0; done < total; ) {
      const removed = await slices.write((limit) => remove.run(limit).changes);
      if (removed === 0) break;
      done += removed;
      onProgress('clean', done, total);
    }
    await slices.write(() => {
      database.exec(`DROP TABLE main.${name}`);
      return 0;
    });
  }
}

function isThere(database: Database, table: string): boolean {
  const find = database.prepare("SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?");
  return find.get(table) !== undefined;
}

function countOf(database: Database, table: string): number {
  return database.prepare(`SELECT count(*) FROM main.${table}`).pluck().get() as number;
}
