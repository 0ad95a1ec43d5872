/**
 * Keeps the tables up to date with the log: if the writer finds a table that it cannot fold into, a thread reports why
 * and rebuilds it while the server keeps receiving. If there are several processes, one rebuilds and the others check
 * again later.
 */

import { REBUILD_FAILED_RETRY_MS, REBUILD_HEAP_BYTES, REBUILD_RETRY_MS } from '../core/limits.ts';
import type { Log } from '../core/logger.ts';
import { IRISX } from '../core/packaging.ts';
import type { Thread } from '../core/thread.ts';
import type { FromRebuild } from './rebuild-thread.ts';
import { openThread } from './thread.ts';

/** @param onDone called after a rebuild, so that the writer checks the tables again */
export function keepRebuilt(databasePath: string, log: Log, onDone: () => void) {
  let lagging: readonly string[] = [];
  let reported: readonly string[] = [];
  let thread: Thread<never> | undefined;
  let retry: NodeJS.Timeout | undefined;
  let startAgain = false;
  let isClosed = false;

  function start(): void {
    clearTimeout(retry);
    retry = undefined;
    if (isClosed || lagging.length === 0) return;
    startAgain = thread !== undefined; // it may have checked before the tables fell behind
    thread ??= openThread('rebuild-thread', { databasePath }, { onMessage, onEnd }, REBUILD_HEAP_BYTES);
  }

  function onMessage(message: FromRebuild): void {
    if (message.kind === 'under-way') retry ??= setTimeout(start, REBUILD_RETRY_MS);
    if (message.kind === 'done') {
      const events = message.events === 1 ? '1 event' : `${message.events} events`;
      log('info', `rebuilt ${message.names.join(', ')} from ${events} in ${message.ms} ms`);
    }
    if (message.kind === 'problems') {
      for (const text of message.texts)
        if (!reported.includes(text)) log('warn', `${text}; deliveries are still recorded`);
      reported = message.texts;
    }
  }

  function onEnd(error: string | undefined): void {
    thread = undefined;
    if (error !== undefined) {
      const minutes = REBUILD_FAILED_RETRY_MS / 60_000;
      log(
        'error',
        `the tables could not be rebuilt: ${error}; retried in ${minutes} minutes, or run ${IRISX} rebuild`,
      );
      retry ??= setTimeout(start, REBUILD_FAILED_RETRY_MS);
    }
    onDone();
    if (startAgain && retry === undefined) start();
  }

  return {
    /** @param names projections whose table lacks events; empty if there are none */
    onLagging(names: readonly string[]): void {
      lagging = names;
      if (names.length > 0) start();
    },
    /** Stops a rebuild in progress: the live tables do not change, and the next start rebuilds from scratch. */
    async close(): Promise<void> {
      isClosed = true;
      clearTimeout(retry);
      await thread?.close();
    },
  };
}
