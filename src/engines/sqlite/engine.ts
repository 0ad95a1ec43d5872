/**
 * The engine for one machine: the log and its tables in one SQLite file, the state of the consumers in another. Its
 * parts are loaded when they are first used, because each thread uses only some of them.
 */

import { existsSync, statSync } from 'node:fs';
import type { Engine } from '../../core/engine/engine.ts';
import type { Derivations } from '../../core/tables/projection.ts';
import { atEdge } from './file/storage-fault.ts';
import { runStoreLockPath, runStorePath } from './run-store-file.ts';

/** @param databasePath absolute; the other files are next to it */
export function createSqliteEngine(databasePath: string, derivations: Derivations): Engine {
  const { projections } = derivations;
  const runsPath = runStorePath(databasePath);
  const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size;

  return {
    location: databasePath,
    projections,
    create: (note = () => {}) =>
      atEdge(async () => {
        (await import('./file/database.ts')).prepareDatabaseFile(databasePath);
        await (await import('./update.ts')).updateSchema(databasePath, note);
      }),
    openWriter: () => atEdge(async () => (await import('./writer.ts')).openWriter(databasePath, derivations)),
    openReader: () => atEdge(async () => (await import('./reader.ts')).openReader(databasePath, projections)),
    openReaderAsOf: (seq, onProgress) =>
      atEdge(async () => {
        const { createReader } = await import('./reader.ts');
        const { openAsOf } = await import('./rebuild/side-tables.ts');
        return createReader(openAsOf(databasePath, projections, seq, onProgress), projections);
      }),
    openRuns: () => atEdge(async () => (await import('./runs.ts')).openRunStore(runsPath)),
    consumers: () =>
      atEdge(async () => (existsSync(runsPath) ? (await import('./runs.ts')).consumersIn(runsPath) : [])),
    leadRuns: () =>
      atEdge(async () => {
        const unlock = (await import('./file/file-lock.ts')).lockFile(runStoreLockPath(databasePath));
        return unlock && (async () => unlock());
      }),
    rebuild: (options) =>
      atEdge(async () => (await import('./rebuild/rebuild.ts')).rebuild(databasePath, derivations, options)),
    backup: (options) =>
      atEdge(async () => (await import('./backup.ts')).backup(databasePath, derivations, options)),
    check: (onProgress) =>
      atEdge(async () =>
        (await import('./rebuild/compare.ts')).checkTables(databasePath, derivations, onProgress),
      ),
    sizes: async () => ({
      database: sizeOf(databasePath),
      wal: sizeOf(`${databasePath}-wal`),
      runs: sizeOf(runsPath),
    }),
  };
}
