/** The rebuild thread's entry: rebuilds what older code has left, then says how it went. */

import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { openDatabase } from './core/database.ts';
import { NewerTable, outdatedProjections, rebuild } from './core/rebuild.ts';
import { RebuildUnderWay } from './core/scratch.ts';
import { faultText } from './core/storage-fault.ts';
import { derivations } from './projections/index.ts';

/** `retry`: another process is at it, or storage refused; look again later. */
export type FromRebuild =
  | {
      readonly kind: 'done';
      readonly names: string[];
      readonly seq: number;
      readonly events: number;
      readonly ms: number;
    }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'retry'; readonly text: string }
  | { readonly kind: 'newer'; readonly text: string };

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
    return { kind: 'done', names, seq, events: seq, ms: Math.round(performance.now() - startMs) };
  } catch (error) {
    if (error instanceof NewerTable) return { kind: 'newer', text: error.message };
    if (error instanceof RebuildUnderWay) return { kind: 'retry', text: error.message };
    return { kind: 'retry', text: `the rebuild failed: ${faultText(error)}` };
  }
}

if (parentPort === null) throw new Error('rebuild-thread runs as a thread only');
parentPort.postMessage(await run(workerData as string));
