/**
 * Rebuilds projections beside a running server: fold the whole log into a scratch file, copy the rows into new
 * tables, swap. SQLite's waiting is not fair, so whatever holds the live file's write lock is short (5 ms) and
 * followed by a pause as long. Until the swap the live tables are untouched; killed at any moment, nothing is lost.
 */

import type { Database } from 'better-sqlite3';
import { openDatabase } from './database.ts';
import { readBody } from './event.ts';
import { EventLog } from './event-log.ts';
import { foldEvent, PARSE_STAGE } from './fold-event.ts';
import {
  LOG_RANGE_EVENTS,
  REBUILD_COPY_ROWS_FIRST,
  REBUILD_REMAINDER_EVENTS_MAX,
  REBUILD_TRANSACTION_MS,
} from './limits.ts';
import type { Derivations, Projection } from './projection.ts';
import { ProjectionStates } from './projection-state.ts';
import { columnsOf, createTableSql, ProjectionTable } from './projection-table.ts';
import { failuresTable } from './schema.ts';
import { openScratch } from './scratch.ts';
import { withoutViews } from './views.ts';

/** `fold` counts events, `copy` and `clean` rows. */
export interface RebuildProgress {
  readonly phase: 'fold' | 'copy' | 'clean';
  readonly done: number;
  readonly total: number;
}

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

const TRANSACTIONS_PER_CHECKPOINT = 50;

function unreadable(applied: number, head: number): Error {
  return new Error(`the log cannot be read beyond seq ${applied} of ${head}: npm run verify`);
}

/** Does up to `limit` pieces of work. @returns how many it did; 0 ends the repetition */
type Work = (limit: number) => number;

/**
 * Runs one piece of work in a write transaction of about REBUILD_TRANSACTION_MS, then pauses as long. The next
 * one's size follows from the time that this one took.
 */
function brieflyWriting(database: Database, pause: (ms: number) => Promise<void>, monotonicMs: () => number) {
  let limit = REBUILD_COPY_ROWS_FIRST;
  let sinceCheckpoint = 0;
  const write = database.transaction((work: Work) => work(limit));
  return async (work: Work): Promise<number> => {
    const startMs = monotonicMs();
    const done = write.immediate(work);
    const tookMs = Math.max(0.1, monotonicMs() - startMs);
    limit = Math.min(5000, Math.max(10, Math.round((limit * REBUILD_TRANSACTION_MS) / tookMs)));
    sinceCheckpoint += 1;
    if (sinceCheckpoint === TRANSACTIONS_PER_CHECKPOINT) {
      sinceCheckpoint = 0;
      database.pragma('wal_checkpoint(PASSIVE)'); // or the server's writer finds our whole copy in the WAL
    }
    await pause(Math.max(REBUILD_TRANSACTION_MS, Math.ceil(tookMs)));
    return done;
  };
}

type Briefly = ReturnType<typeof brieflyWriting>;

async function copyTables(
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
class NextTables {
  readonly #tables: ProjectionTable[];
  readonly #addFailure: (seq: number, stage: string, error: string) => void;

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
    return applied;
  }
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

/** The old table is only renamed here: dropping a large one would hold the lock for long. */
function exchangeTable(database: Database, name: string): void {
  const exists = database
    .prepare("SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?")
    .get(name);
  if (exists !== undefined) database.exec(`ALTER TABLE main.${name} RENAME TO ${name}_old`);
  database.exec(`ALTER TABLE main.${name}_next RENAME TO ${name}`);
}

/** Removes the old tables after a swap, and what a rebuild that was killed has left, a few rows at a time. */
async function cleanLeftovers(
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
