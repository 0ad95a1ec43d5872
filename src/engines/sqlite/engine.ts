/** The engine for one machine: the log and its tables in one SQLite file, the state of the consumers in another. */

import { existsSync, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import type { Engine } from '../../core/engine/engine.ts';
import { BUSY_TIMEOUT_MS } from '../../core/limits.ts';
import type { Derivations } from '../../core/tables/projection.ts';
import { openReadOnly, prepareDatabaseFile } from './file/database.ts';
import { lockFile } from './file/file-lock.ts';
import { atEdge } from './file/storage-fault.ts';
import { createReader } from './reader.ts';
import { checkTables } from './rebuild/check-tables.ts';
import { rebuild } from './rebuild/rebuild.ts';
import { runStoreLockPath, runStorePath } from './run-store-file.ts';
import { consumerStates, SqliteRunStore } from './runs.ts';
import { standAsOf } from './stand-as-of.ts';

/** @param databasePath absolute; the other files are next to it */
export function createSqliteEngine(databasePath: string, derivations: Derivations): Engine {
  const { projections } = derivations;
  const runsPath = runStorePath(databasePath);
  const openReader = () => createReader(openReadOnly(databasePath), projections);
  const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size;

  return {
    prepare: async () => prepareDatabaseFile(databasePath),
    openReader: async () => openReader(),
    async openReaderAsOf(seq, onProgress) {
      const database = openReadOnly(databasePath);
      standAsOf(database, projections, seq, onProgress);
      return createReader(database, projections);
    },
    openWriter: async () => {
      throw new Error('not yet');
    },
    openRuns: async () => atEdge(() => new SqliteRunStore(runsPath)),
    async consumers() {
      if (!existsSync(runsPath)) return [];
      const database = new Sqlite(runsPath, { readonly: true, timeout: BUSY_TIMEOUT_MS });
      try {
        return consumerStates(database);
      } finally {
        database.close();
      }
    },
    async leadRuns() {
      const unlock = atEdge(() => lockFile(runStoreLockPath(databasePath)));
      return unlock === undefined ? undefined : async () => unlock();
    },
    async rebuild({ projections: chosen, onProgress }) {
      return await rebuild({
        databasePath,
        derivations,
        projections: chosen,
        ...(onProgress !== undefined && { onProgress }),
        pause: async (ms) => void (await pause(ms)),
        monotonicMs: () => performance.now(),
      });
    },
    check: async (onProgress) => checkTables(databasePath, derivations, onProgress),
    sizes: async () => ({
      database: sizeOf(databasePath),
      wal: sizeOf(`${databasePath}-wal`),
      runs: sizeOf(runsPath),
    }),
  };
}
