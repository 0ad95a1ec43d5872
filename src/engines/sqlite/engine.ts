/**
 * The engine for one machine: the log and its tables in one SQLite file, the state of the consumers in another. Its
 * parts are loaded when they are first used, because each thread uses only some of them.
 */

import { existsSync, statSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { Engine } from '../../core/engine/engine.ts';
import type { Reader } from '../../core/engine/reader.ts';
import type { Derivations } from '../../core/tables/projection.ts';
import { atEdge } from './file/storage-fault.ts';
import { runStoreLockPath, runStorePath } from './run-store-file.ts';

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
  const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size;

  return {
    place: databasePath,
    projections,
    create: () =>
      atEdge(async () => {
        const { prepareDatabaseFile } = await import('./file/database.ts');
        prepareDatabaseFile(databasePath);
      }),
    openWriter: () =>
      atEdge(async () => {
        const { openWriter } = await import('./writer.ts');
        return openWriter(databasePath, derivations);
      }),
    openReader: () =>
      atEdge(async (): Promise<Reader> => {
        const { openReader } = await import('./reader.ts');
        return openReader(databasePath, projections);
      }),
    openReaderAsOf: (seq, onProgress) =>
      atEdge(async (): Promise<Reader> => {
        const { openReader } = await import('./reader.ts');
        const { standAsOf } = await import('./rebuild/temporary-tables.ts');
        return openReader(databasePath, projections, (database) =>
          standAsOf(database, projections, seq, onProgress),
        );
      }),
    openRuns: () =>
      atEdge(async () => {
        const { SqliteRunStore } = await import('./runs.ts');
        return new SqliteRunStore(runsPath);
      }),
    consumers: () =>
      atEdge(async () => {
        if (!existsSync(runsPath)) return [];
        const { consumersIn } = await import('./runs.ts');
        return consumersIn(runsPath);
      }),
    leadRuns: () =>
      atEdge(async () => {
        const { lockFile } = await import('./file/file-lock.ts');
        const unlock = lockFile(runStoreLockPath(databasePath));
        return unlock && (async () => unlock());
      }),
    rebuild: (options) =>
      atEdge(async () => {
        const { rebuild } = await import('./rebuild/rebuild.ts');
        return rebuild({ ...source, ...options });
      }),
    backup: (options) =>
      atEdge(async () => {
        const { backup } = await import('./backup.ts');
        return backup(source, options);
      }),
    check: (onProgress) =>
      atEdge(async () => {
        const { checkTables } = await import('./rebuild/compare.ts');
        return checkTables(databasePath, derivations, onProgress);
      }),
    sizes: async () => ({
      database: sizeOf(databasePath),
      wal: sizeOf(`${databasePath}-wal`),
      runs: sizeOf(runsPath),
    }),
  };
}
