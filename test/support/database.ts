/** Databases for tests that need no receiver: a real file in its own folder, or the same schema in memory. */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import type { BatchResult, EngineWriter } from '../../src/core/engine/engine.ts';
import type { Delivery, Recorded } from '../../src/core/event/delivery.ts';
import type { Head } from '../../src/core/event/recorded-event.ts';
import { prepare } from '../../src/core/tables/prepare.ts';
import type { Derivations } from '../../src/core/tables/projection.ts';
import { engineOf } from '../../src/engines/engine-of.ts';
import { BatchAppender } from '../../src/engines/sqlite/append-batch.ts';
import { openDatabase, prepareDatabaseFile } from '../../src/engines/sqlite/file/database.ts';
import { atEdge } from '../../src/engines/sqlite/file/storage-fault.ts';
import { checkTables } from '../../src/engines/sqlite/rebuild/compare.ts';
import { derivations as ours } from '../../src/projections/index.ts';
import { temporaryFolder } from './receiver.ts';

/** Appends deliveries as the writer thread does, but over the test's own connection. */
export interface TestAppender {
  append(deliveries: readonly Delivery[]): Omit<BatchResult, 'head'> & { readonly outcomes: Recorded[] };
  head(): Head;
  /** The same for appendHalving(). */
  readonly writer: Pick<EngineWriter, 'append'>;
}

export interface TestDatabase {
  readonly path: string;
  readonly database: Database;
  /** Made when it is first used, because it changes how the connection waits for locks. */
  readonly appender: TestAppender;
  /** Rows of a query over the same connection. */
  rows(sql: string, ...values: unknown[]): Record<string, unknown>[];
  /** Closes the connection and removes the folder. */
  close(): void;
}

export function appenderOf(database: Database, { projections }: Derivations): TestAppender {
  const appender = new BatchAppender(database, projections);
  return {
    append(deliveries) {
      const batch = deliveries.map((each) => prepare(each, projections));
      const { outcomes, head: _, ...tables } = appender.append(batch);
      return { outcomes: [...outcomes], ...tables };
    },
    head: () => appender.head(),
    writer: { append: (batch) => atEdge(() => appender.append(batch)) },
  };
}

export function openTestDatabase(derivations: Derivations = ours): TestDatabase {
  const folder = temporaryFolder();
  const path = join(folder.path, 'irisx.db');
  prepareDatabaseFile(path);
  const database = openDatabase(path, derivations);
  let appender: TestAppender | undefined;
  return {
    path,
    database,
    get appender() {
      appender ??= appenderOf(database, derivations);
      return appender;
    },
    rows: (sql, ...values) => database.prepare(sql).all(...values) as Record<string, unknown>[],
    close() {
      database.close();
      folder.remove();
    },
  };
}

/** Creates the database at this path, as a first start does, and closes it. */
export async function createDatabase(path: string): Promise<void> {
  const engine = engineOf(path, ours);
  await engine.create();
  await (await engine.openWriter()).close();
}

/** The program's schema in memory, without events. Nothing is fsynced, so that thousands of runs are fast. */
export function openInMemory(derivations: Derivations = ours): Database {
  const model = openTestDatabase(derivations);
  model.database.pragma('journal_mode = DELETE');
  const image = model.database.serialize();
  model.close();
  return new Sqlite(image);
}

/** Changes a database file over a separate connection, as another program would. */
export function changeFile(path: string, sql: string): void {
  const database = new Sqlite(path);
  try {
    database.exec(sql);
  } finally {
    database.close();
  }
}

/** SQL for a trigger `failing`: until it is dropped, a batch with a failure of this stage fails. */
export function failBatches(stage: string): string {
  return `CREATE TRIGGER failing BEFORE INSERT ON failures WHEN NEW.stage = '${stage}'
    BEGIN SELECT RAISE(ABORT, 'a defect'); END`;
}

/** How the tables differ from the log, and the events that have not been folded. */
export function compareTables(path: string, betweenReads?: () => void) {
  const { checks, unfolded } = checkTables(path, ours, betweenReads);
  return { differences: checks.flatMap(({ differences }) => differences), unfolded };
}

/** For instance `0600`. */
export function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8).padStart(4, '0');
}
