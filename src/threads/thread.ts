/**
 * Starts the program's threads and supervises them. What follows from the end of a thread (the process ends, the thread
 * is restarted, nothing) is up to the file that keeps it.
 */

import { errorText } from '../core/engine-error.ts';
import type { Thread, ThreadEvents } from '../core/thread.ts';
import { startThread, type ThreadName } from './threads.ts';

/** What every thread gets at its start. */
export interface ThreadData {
  readonly databasePath: string;
}

/**
 * @param heapBytes memory limit above which the thread is terminated; undefined for V8's own
 * @returns the started thread; call close()
 */
export function openThread<To, From>(
  name: ThreadName,
  data: ThreadData,
  events: ThreadEvents<From>,
  heapBytes?: number,
): Thread<To> {
  const worker = startThread(name, data, heapBytes);
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
      const late = setTimeout(() => void worker.terminate(), afterMs);
      await exited;
      clearTimeout(late);
    },
  };
}
