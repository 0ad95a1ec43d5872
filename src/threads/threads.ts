/** Starts the program's threads. */

import { Worker } from 'node:worker_threads';
import { THREAD_YOUNG_HEAP_BYTES } from '../core/limits.ts';
import { IS_BUNDLE } from '../core/packaging.ts';

export type ThreadName =
  | 'writer-thread'
  | 'rebuild-thread'
  | 'handlers-thread'
  | 'pages-thread'
  | 'secrets-thread';

const MIB = 1024 * 1024;

/**
 * @param workerData the data for the thread's entry
 * @param heapBytes memory limit above which the thread is terminated; undefined for V8's own
 * @returns the started thread
 */
export function startThread(name: ThreadName, workerData: unknown, heapBytes?: number): Worker {
  // The bundle contains all threads in one file, which gets the thread's name as an argument.
  const entry = IS_BUNDLE ? import.meta.url : new URL(`./${name}.ts`, import.meta.url);
  return new Worker(new URL(entry), {
    argv: [name],
    workerData,
    resourceLimits: {
      maxYoungGenerationSizeMb: THREAD_YOUNG_HEAP_BYTES / MIB,
      ...(heapBytes !== undefined && { maxOldGenerationSizeMb: heapBytes / MIB }),
    },
  });
}
