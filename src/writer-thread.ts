/** The writer thread's entry: brings the writer and this program's projections together. */

import { parentPort, workerData } from 'node:worker_threads';
import { runWriter } from './core/writer-loop.ts';
import { derivations } from './projections/index.ts';

if (parentPort === null) throw new Error('writer-thread runs as a thread only');
runWriter(parentPort, workerData as string, derivations);
