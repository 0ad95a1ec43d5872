/** What the entry of every thread begins with. */

import { parentPort, workerData } from 'node:worker_threads';
import { lowerPriority } from '../core/low-priority.ts';
import { engineOf } from '../engines/engine-of.ts';
import { derivations } from '../projections/index.ts';
import type { ThreadData } from './thread.ts';

/** @param niceness undefined for the priority of the main thread */
export function enterThread<Data extends ThreadData, From>(niceness?: number) {
  if (parentPort === null) throw new Error('this is the entry of a thread, not of a program');
  const port = parentPort;
  const data = workerData as Data;
  if (niceness !== undefined) lowerPriority(niceness);
  const engine = engineOf(data.databasePath, derivations);
  return { port, data, engine, send: (message: From) => port.postMessage(message) };
}
