/** The engine for one machine: the log and its tables in one SQLite file, the state of the consumers in another. */

import { existsSync, statSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import type { Engine } from '../../core/engine/engine.ts';
import { BUSY_TIMEOUT_MS } from '../../core/limits.ts';
import type { Derivations } from '../../core/tables/projection.ts';
import { backup } from './backup.ts';
import { openReadOnly, prepareDatabaseFile } from './file/database.ts';
import { lockFile } from './file/file-lock.ts';
import { atEdge } from './file/storage-fault.ts';
import { createReader } from './reader.ts';
import { checkTables } from './rebuild/compare.ts';
import { rebuild } from './rebuild/rebuild.ts';
import { standAsOf } from './rebuild/temporary-tables.ts';
import { runStoreLockPath, runStorePath } from './run-store-file.ts';
import { consumerStates, SqliteRunStore } from './runs.ts';
import { openWriter } from './writer.ts';

/** @param databasePath absolute; the other files are next to it */
export function createSqliteEngine(databasePath: string, derivations: Derivations): Engine {
  const { projections } = derivations;
  const source = {
    databasePath,
    derivations,
    pause: async (ms: number) => void (await wait(ms)),
    monotonicMs: () => performance.now(),
  };
  const runsPath = runStorePath(databasePath);
  const openReader = () => createReader(openReadOnly(databasePath), projections);
  const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size;

  return {
    place: databasePath,
    projections,
    create: () => atEdge(() => prepareDatabaseFile(databasePath)),
    openReader: () => atEdge(openReader),
    async openReaderAsOf(seq, onProgress) {
      const database = openReadOnly(databasePath);
      try {
        await atEdge(() => standAsOf(database, projections, seq, onProgress));
      } catch (error) {
        database.close();
        throw error;
      }
      return createReader(database, projections);
    },
    openWriter: () => atEdge(() => openWriter(databasePath, derivations)),
    openRuns: () => atEdge(() => new SqliteRunStore(runsPath)),
    async consumers() {
      if (!existsSync(runsPath)) return [];
      return atEdge(() => {
        const database = new Sqlite(runsPath, { readonly: true, timeout: BUSY_TIMEOUT_MS });
        try {
          return consumerStates(database);
        } finally {
          database.close();
        }
      });
    },
    leadRuns: () =>
      atEdge(() => {
        const unlock = lockFile(runStoreLockPath(databasePath));
        return unlock && (async () => unlock());
      }),
    rebuild: (options) => atEdge(() => rebuild({ ...source, ...options })),
    backup: (options) => atEdge(() => backup(source, options)),
    check: (onProgress) => atEdge(() => checkTables(databasePath, derivations, onProgress)),
    sizes: async () => ({
      database: sizeOf(databasePath),
      wal: sizeOf(`${databasePath}-wal`),
      runs: sizeOf(runsPath),
    }),
  };
}
