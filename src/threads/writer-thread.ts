/** Entry of the writer thread: runs the writer with this program's projections. */

import { parentPort, workerData } from 'node:worker_threads';
import { runWriter } from '../core/writer/writer-loop.ts';
import { engineOf } from '../engines/engine-of.ts';
import { derivations } from '../projections/index.ts';

if (parentPort === null) throw new Error('writer-thread must run as a worker thread');
await runWriter(parentPort, engineOf(workerData as string, derivations));
