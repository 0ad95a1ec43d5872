/**
 * Rebuilds projections beside a running server: fold the whole log into a scratch file, copy the rows into new
 * tables, swap. SQLite's waiting is not fair, so whatever holds the live file's write lock is short (5 ms) and
 * followed by a pause as long. Until the swap the live tables are untouched; killed at any moment, nothing is lost.
 */

import type { Database } from 'better-sqlite3';
import { openDatabase } from './database.ts';
import { EventLog } from './event-log.ts';
import { PARSE_STAGE } from './fold-event.ts';
import { REBUILD_REMAINDER_EVENTS_MAX } from './limits.ts';
import {
  cleanLeftovers,
  copyTables,
  exchangeTable,
  NextTables,
  type RebuildProgress,
} from './next-tables.ts';
import type { Derivations, Projection } from './projection.ts';
import { ProjectionStates } from './projection-state.ts';
import { openScratch } from './scratch.ts';
import { withoutViews } from './views.ts';
import { brieflyWriting } from './write-briefly.ts';

export interface RebuildOptions {
  readonly databasePath: string;
  readonly derivations: Derivations;
  /** Of `derivations`; those to rebuild. */
  readonly projections: readonly Projection[];
  readonly onProgress?: (progress: RebuildProgress) => void;
  /** Waits; the process may do other work meanwhile. Milliseconds. */
  readonly pause: (ms: number) => Promise<void>;
  /** Monotonic milliseconds. */
  readonly monotonicMs: () => number;
}

export interface RebuildResult {
  /** The tables reflect the log up to this. */
  readonly seq: number;
  /** By projection. */
  readonly rows: Readonly<Record<string, number>>;
  readonly failures: number;
}

/** A table made by newer code than this is never put back. */
export class NewerTable extends Error {
  override name = 'NewerTable';
}

/** The projections whose table older code made, or that have none yet. @throws NewerTable */
export function outdatedProjections(database: Database, derivations: Derivations): Projection[] {
  const states = new ProjectionStates(database).read();
  return derivations.projections.filter((projection) => {
    const version = states.get(projection.name)?.version ?? 0;
    refuseNewer(projection, version);
    return version < projection.version;
  });
}

function refuseNewer({ name, version }: Projection, found: number): void {
  if (found > version) {
    throw new NewerTable(
      `the table ${name} was made by newer code (version ${found}, this is ${version}): update the program`,
    );
  }
}

/**
 * @returns when the new tables are live and the old ones are gone
 * @throws NewerTable, RebuildUnderWay, DatabaseRefused, or what SQLite throws; the live tables are unharmed then
 */
export async function rebuild(options: RebuildOptions): Promise<RebuildResult> {
  const { databasePath, derivations, projections, onProgress = () => {}, pause, monotonicMs } = options;
  const database = openDatabase(databasePath, derivations);
  try {
    const states = new ProjectionStates(database).read();
    for (const projection of projections) refuseNewer(projection, states.get(projection.name)?.version ?? 0);
    const log = new EventLog(database);
    const scratch = openScratch(database, `${databasePath}-rebuild`, projections, log);
    try {
      const upTo = log.head().seq;
      let applied = 0;
      while (applied < upTo) {
        const folded = scratch.foldRange(upTo);
        if (folded === applied) throw unreadable(applied, upTo);
        applied = folded;
        onProgress({ phase: 'fold', done: applied, total: upTo });
        await pause(0);
      }
      const briefly = brieflyWriting(database, pause, monotonicMs);
      await cleanLeftovers(database, derivations, briefly, onProgress);
      const rows = await copyTables(database, projections, briefly, onProgress);
      const brieflyFolding = brieflyWriting(database, pause, monotonicMs);
      const next = new NextTables(database, projections);
      while (log.head().seq - applied > REBUILD_REMAINDER_EVENTS_MAX) {
        await brieflyFolding((limit) => {
          const after = applied;
          applied = next.fold(log, applied, limit);
          if (applied === after) throw unreadable(applied, log.head().seq);
          return applied - after;
        });
      }
      const seq = swap(database, derivations, projections, next, log, applied);
      await cleanLeftovers(database, derivations, briefly, onProgress);
      const failures = database.prepare('SELECT count(*) FROM failures').pluck().get() as number;
      return { seq, rows, failures };
    } finally {
      scratch.close();
    }
  } finally {
    database.close();
  }
}

function unreadable(applied: number, head: number): Error {
  return new Error(`the log cannot be read beyond seq ${applied} of ${head}: npm run verify`);
}

/** The one moment in which the tables change hands. @returns the seq that they reflect */
function swap(
  database: Database,
  derivations: Derivations,
  projections: readonly Projection[],
  next: NextTables,
  log: EventLog,
  applied: number,
): number {
  const exchange = database.transaction(() => {
    const states = new ProjectionStates(database).read();
    for (const projection of projections) refuseNewer(projection, states.get(projection.name)?.version ?? 0);
    let seq = applied;
    for (const head = log.head().seq; seq < head; ) seq = next.fold(log, seq, head - seq);
    const rebuilt = [PARSE_STAGE, ...projections.map(({ name }) => name)];
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
  });
  return exchange.immediate();
}
