/**
 * Rebuilds projections while a server keeps running. It folds the log in memory piece by piece, writes the rows into
 * new tables and swaps the tables, at a pace that lets others write meanwhile. The live tables do not change until the
 * swap, and nothing is lost if the rebuild is killed at any moment.
 */

import type { Database } from 'better-sqlite3';
import { PARSE_STAGE, WRITER_STAGE } from '../../../core/event/recorded-event.ts';
import { REBUILD_REMAINDER_EVENTS_MAX } from '../../../core/limits.ts';
import type { Derivations, Projection } from '../../../core/tables/projection.ts';
import { openDatabase } from '../file/database.ts';
import { lockFile } from '../file/file-lock.ts';
import { WriteTransactions } from '../file/write-transactions.ts';
import { EventLog } from '../log/event-log.ts';
import { ProjectionStates } from '../log/projection-state.ts';
import { withoutViews } from '../log/views.ts';
import { cleanLeftovers, exchangeTable, NextTables, type RebuildProgress } from './next-tables.ts';
import { Pace } from './pace.ts';

export interface RebuildOptions {
  readonly databasePath: string;
  readonly derivations: Derivations;
  /** The projections of `derivations` to rebuild. */
  readonly projections: readonly Projection[];
  readonly onProgress?: (progress: RebuildProgress) => void;
  /** Waits for `ms` milliseconds; the process may do other work meanwhile. */
  readonly pause: (ms: number) => Promise<void>;
  /** Monotonic milliseconds. */
  readonly monotonicMs: () => number;
}

export interface RebuildResult {
  /** The tables reflect the log up to this event. */
  readonly seq: number;
  /** Number of rows by projection. */
  readonly rows: Readonly<Record<string, number>>;
  readonly failures: number;
}

/** The table was made by newer code: a rebuild never downgrades it. */
export class NewerTable extends Error {
  override name = 'NewerTable';
}

/** Another process or thread is rebuilding the same database. */
export class RebuildUnderWay extends Error {
  override name = 'RebuildUnderWay';
}

/** @throws NewerTable */
function refuseNewer(database: Database, projections: readonly Projection[]): void {
  const newer = new ProjectionStates(database).problems(projections).find(({ kind }) => kind === 'newer');
  if (newer !== undefined) throw new NewerTable(newer.text);
}

/**
 * @returns when the new tables are live and the old ones are gone
 * @throws NewerTable, RebuildUnderWay, DatabaseRefused, or what node:fs or SQLite throws; then the live tables are
 *   unchanged
 */
export async function rebuild(options: RebuildOptions): Promise<RebuildResult> {
  const { databasePath, derivations, onProgress = () => {}, pause, monotonicMs } = options;
  const database = openDatabase(databasePath, derivations);
  try {
    const log = new EventLog(database);
    const projections = projectionsToRebuild(database, log, options);
    refuseNewer(database, projections);
    const unlock = lockRebuild(databasePath);
    try {
      // Nothing needs to be durable before the swap, whose fsync covers all of it.
      database.pragma('synchronous = NORMAL');
      const transactions = new WriteTransactions(database);
      const pace = new Pace(database, transactions, pause, monotonicMs);
      await cleanLeftovers(database, derivations, pace, onProgress);
      const isWhole = projections.length === derivations.projections.length;
      const next = new NextTables(database, projections, log, isWhole);
      await pace.write(() => {
        next.create();
        return 0;
      });
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
      const seq = transactions.run(() => swap(database, derivations, projections, next, log));
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

/**
 * An event that was appended without being folded is missing in every table, and has one failure for all of them. So only
 * a rebuild of all tables folds it.
 */
function projectionsToRebuild(
  database: Database,
  log: EventLog,
  { derivations, projections }: RebuildOptions,
): readonly Projection[] {
  const all = derivations.projections;
  if (log.unfolded(0, log.head().seq).length === 0) return projections;
  return new ProjectionStates(database).problems(all).some(({ kind }) => kind === 'newer')
    ? projections
    : all;
}

function lockRebuild(databasePath: string): () => void {
  const path = `${databasePath}-rebuild`;
  const unlock = lockFile(path);
  if (unlock === undefined)
    throw new RebuildUnderWay(`a rebuild is already in progress (${path} is locked): wait until it ends`);
  return unlock;
}

/** Swaps the tables, within the caller's transaction. @returns the seq that they reflect */
function swap(
  database: Database,
  derivations: Derivations,
  projections: readonly Projection[],
  next: NextTables,
  log: EventLog,
): number {
  refuseNewer(database, projections);
  const { seq } = log.head();
  while (next.folded < seq) next.fold(seq);
  next.write(Number.POSITIVE_INFINITY);
  const rebuilt = [PARSE_STAGE, WRITER_STAGE, ...projections.map(({ name }) => name)];
  if (projections.length < derivations.projections.length) {
    database
      .prepare(
        `INSERT INTO main.failures_next (seq, stage, error)
         SELECT seq, stage, error FROM main.failures WHERE stage NOT IN (${rebuilt.map(() => '?').join(', ')})`,
      )
      .run(...rebuilt);
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
