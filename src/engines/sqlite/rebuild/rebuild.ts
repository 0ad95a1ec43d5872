/**
 * Rebuilds projections while a server keeps running. It folds the log in memory piece by piece, writes the rows into
 * new tables and swaps the tables, at a pace that lets others write meanwhile. The live tables do not change until the
 * swap, and nothing is lost if the rebuild is killed at any moment.
 */

import type { Database } from 'better-sqlite3';
import type { RebuildOptions, RebuildResult } from '../../../core/engine/engine.ts';
import { EngineError } from '../../../core/engine-error.ts';
import { REBUILD_REMAINDER_EVENTS_MAX } from '../../../core/limits.ts';
import type { Derivations } from '../../../core/tables/projection.ts';
import { type RebuildPlan, rebuildPlan, refuseNewer } from '../../../core/tables/rebuild-plan.ts';
import { openDatabase } from '../file/database.ts';
import { lockFile } from '../file/file-lock.ts';
import { withoutViews } from '../file/views.ts';
import { WriteTransactions } from '../file/write-transactions.ts';
import { EventLog } from '../log/event-log.ts';
import { TableStates } from '../log/table-states.ts';
import { cleanLeftovers } from './leftovers.ts';
import { Pace } from './pace.ts';
import { SideTables } from './side-tables.ts';

export interface RebuildSource {
  readonly databasePath: string;
  readonly derivations: Derivations;
  /** Waits for `ms` milliseconds; the process may do other work meanwhile. */
  readonly pause: (ms: number) => Promise<void>;
  /** Monotonic milliseconds. */
  readonly monotonicMs: () => number;
}

/**
 * @returns when the new tables are live and the old ones are gone
 * @throws EngineError, `under-way` if another rebuild is in progress, and what node:fs or SQLite throws; then the live
 *   tables are unchanged
 */
export async function rebuild(options: RebuildSource & RebuildOptions): Promise<RebuildResult> {
  const { databasePath, derivations, onProgress = () => {}, pause, monotonicMs } = options;
  const database = openDatabase(databasePath, derivations);
  try {
    const log = new EventLog(database);
    const states = new TableStates(database, log);
    const plan = rebuildPlan(options.projections, derivations.projections, {
      problems: states.problems(derivations.projections),
      hasUnfolded: log.failures.unfolded(0, log.head().seq).length > 0,
    });
    const { projections } = plan;
    const unlock = lockRebuild(databasePath);
    try {
      // Nothing needs to be durable before the swap, whose fsync covers all of it.
      database.pragma('synchronous = NORMAL');
      const transactions = new WriteTransactions(database);
      const pace = new Pace(database, transactions, pause, monotonicMs);
      await cleanLeftovers(database, derivations, pace, onProgress);
      const nameOf = (table: string) => `main.${table}_next`;
      const next = transactions.run(
        () => new SideTables({ database, log, projections, nameOf, withUnfolded: plan.isWhole }),
      );
      for (
        let head = log.head().seq;
        head - next.folded > REBUILD_REMAINDER_EVENTS_MAX;
        head = log.head().seq
      ) {
        await pace.compute(() => next.fold(head));
        while ((await pace.write((limit) => next.write(limit))) > 0);
        onProgress({ phase: 'fold', done: next.folded, total: head });
      }
      database.pragma('synchronous = FULL');
      const seq = transactions.run(() => swap(database, derivations, plan, next, states, log));
      database.pragma('synchronous = NORMAL');
      await cleanLeftovers(database, derivations, pace, onProgress);
      const count = (name: string) =>
        database.prepare(`SELECT count(*) FROM main.${name}`).pluck().get() as number;
      const rows = Object.fromEntries(projections.map(({ name }) => [name, count(name)]));
      return { seq, rows, failures: count('failures') };
    } finally {
      unlock();
    }
  } finally {
    database.close();
  }
}

function lockRebuild(databasePath: string): () => void {
  const path = `${databasePath}-rebuild`;
  const unlock = lockFile(path);
  if (unlock === undefined)
    throw new EngineError(
      'under-way',
      `a rebuild is already in progress (${path} is locked): wait until it ends`,
    );
  return unlock;
}

/** Swaps the tables, within the caller's transaction. @returns the seq that they reflect */
function swap(
  database: Database,
  derivations: Derivations,
  { projections, stages, isWhole }: RebuildPlan,
  next: SideTables,
  states: TableStates,
  log: EventLog,
): number {
  refuseNewer(states.problems(projections));
  const { seq } = log.head();
  while (next.folded < seq) next.fold(seq);
  next.write();
  if (!isWhole) {
    database
      .prepare(
        `INSERT INTO main.failures_next (seq, stage, error)
         SELECT seq, stage, error FROM main.failures WHERE stage NOT IN (${stages.map(() => '?').join(', ')})`,
      )
      .run(...stages);
  }
  const setState = database.prepare(
    `INSERT INTO projections (name, version, applied_seq) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET version = excluded.version, applied_seq = excluded.applied_seq`,
  );
  withoutViews(database, derivations, () => {
    for (const { name } of projections) exchangeTable(database, name);
    exchangeTable(database, 'failures');
  });
  for (const { name, version } of projections) setState.run(name, version, seq);
  return seq;
}

/** Only renames the old table: dropping a large one would hold the lock for a long time. */
function exchangeTable(database: Database, name: string): void {
  const exists = database
    .prepare("SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?")
    .get(name);
  if (exists !== undefined) database.exec(`ALTER TABLE main.${name} RENAME TO ${name}_old`);
  database.exec(`ALTER TABLE main.${name}_next RENAME TO ${name}`);
}
