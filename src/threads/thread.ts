/**
 * Starts the program's threads and supervises them. What follows from the end of a thread (the process ends, the thread
 * is restarted, nothing) is up to the file that keeps it.
 */

import { Worker } from 'node:worker_threads';
import { errorText } from '../core/engine-error.ts';
import { THREAD_YOUNG_HEAP_BYTES } from '../core/limits.ts';
import { IS_BUNDLE } from '../core/packaging.ts';
import type { Thread, ThreadEvents } from '../core/thread.ts';

type ThreadName = 'writer-thread' | 'rebuild-thread' | 'handlers-thread' | 'pages-thread' | 'secrets-thread';

/** What every thread gets at its start. */
export interface ThreadData {
  readonly databasePath: string;
}

const MIB = 1024 * 1024;

/**
 * @param name that of the file of the thread's entry
 * @param heapBytes memory limit above which the thread is terminated; undefined for V8's own
 * @returns the started thread; call close()
 */
export function openThread<To, From>(
  name: ThreadName,
  workerData: ThreadData,
  events: ThreadEvents<From>,
  heapBytes?: number,
): Thread<To> {
  // The bundle contains all threads in one file, which gets the thread's name as an argument.
  const entry = IS_BUNDLE ? import.meta.url : new URL(`./${name}.ts`, import.meta.url);
  const worker = new Worker(new URL(entry), {
    argv: [name],
    workerData,
    resourceLimits: {
      maxYoungGenerationSizeMb: THREAD_YOUNG_HEAP_BYTES / MIB,
      ...(heapBytes !== undefined && { maxOldGenerationSizeMb: heapBytes / MIB }),
    },
  });
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  let isEnded = false;
  const end = (error: string | undefined, code: number) => {
    if (isEnded) return;
    isEnded = true;
    events.onEnd(error, code);
  };
  worker.on('message', (message: From) => events.onMessage(message));
  worker.on('error', (error) => end(errorText(error), 1));
  worker.on('exit', (code) => end(undefined, code));
  return {
    send: (message, transfer) => worker.postMessage(message, transfer),
    async close(afterMs = 0) {
      isEnded = true;
      const terminate = () => {
        worker.removeAllListeners('message');
        void worker.terminate();
      };
      const late = setTimeout(terminate, afterMs);
      if (afterMs === 0) terminate();
      await exited;
      clearTimeout(late);
    },
  };
}
