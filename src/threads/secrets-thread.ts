/** Entry of the secrets thread: reports once when each secret was last used, as a line for the log. */

import { parentPort, workerData } from 'node:worker_threads';
import { secretUse, secretUseText } from '../core/inspect/secret-use.ts';
import { lowerPriority, NICENESS } from '../core/low-priority.ts';
import { engineOf } from '../engines/engine-of.ts';
import { derivations } from '../projections/index.ts';

/** The data passed to the thread. */
export interface SecretsThreadData {
  readonly databasePath: string;
  readonly secrets: readonly string[];
}

if (parentPort === null) throw new Error('secrets-thread must run as a worker thread');
lowerPriority(NICENESS.reading);
const { databasePath, secrets } = workerData as SecretsThreadData;
const reader = await engineOf(databasePath, derivations).openReader();
try {
  parentPort.postMessage(secretUseText(await secretUse(reader, secrets)));
} finally {
  await reader.close();
}
