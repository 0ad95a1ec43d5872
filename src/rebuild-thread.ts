/** Entry of the rebuild thread: rebuilds tables made by older code, then reports the result. */

import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { openDatabase } from './core/database.ts';
import { lowerPriority, NICENESS } from './core/low-priority.ts';
import { NewerTable, outdatedProjections, rebuild } from './core/rebuild.ts';
import { RebuildUnderWay } from './core/scratch.ts';
import { faultText } from './core/storage-fault.ts';
import { derivations } from './projections/index.ts';

/** The result. `under-way`: another process is rebuilding. */
export type FromRebuild =
  | { readonly kind: 'done'; readonly names: string[]; readonly events: number; readonly ms: number }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'under-way' | 'newer' | 'failed'; readonly text: string };

async function run(databasePath: string): Promise<FromRebuild> {
  const startMs = performance.now();
  try {
    const database = openDatabase(databasePath, derivations);
    let projections: ReturnType<typeof outdatedProjections>;
    try {
      projections = outdatedProjections(database, derivations);
    } finally {
      database.close();
    }
    if (projections.length === 0) return { kind: 'nothing' };
    const { seq } = await rebuild({
      databasePath,
      derivations,
      projections,
      pause: async (ms) => void (await pause(ms)),
      monotonicMs: () => performance.now(),
    });
    const names = projections.map(({ name }) => name);
    return { kind: 'done', names, events: seq, ms: Math.round(performance.now() - startMs) };
  } catch (error) {
    const text = faultText(error);
    if (error instanceof NewerTable) return { kind: 'newer', text };
    return { kind: error instanceof RebuildUnderWay ? 'under-way' : 'failed', text };
  }
}

if (parentPort === null) throw new Error('rebuild-thread must run as a worker thread');
lowerPriority(NICENESS.writing);
parentPort.postMessage(await run(workerData as string));
