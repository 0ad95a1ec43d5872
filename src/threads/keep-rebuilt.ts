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

export interface Rebuilder {
  /** @param lagging projections whose table lacks events; empty if there are none */
  onLagging(lagging: readonly string[]): void;
  /** Stops a rebuild in progress: the live tables do not change, and the next start rebuilds from scratch. */
  close(): Promise<void>;
}

/** @param onDone called after a rebuild, so that the writer checks the tables again */
export function keepRebuilt(databasePath: string, log: Log, onDone: () => void): Rebuilder {
  let lagging: readonly string[] = [];
  let reported: readonly string[] = [];
  let thread: Thread<never> | undefined;
  let retry: NodeJS.Timeout | undefined;
  let startAgain = false;
  let closed = false;

  function start(): void {
    clearTimeout(retry);
    retry = undefined;
    if (closed || lagging.length === 0) return;
    if (thread !== undefined) {
      startAgain = true; // it may have checked before the tables fell behind
      return;
    }
    const onEnd = (error: string | undefined) => {
      thread = undefined;
      if (error !== undefined) report({ kind: 'failed', text: error });
      if (startAgain && retry === undefined) start();
    };
    thread = openThread('rebuild-thread', { databasePath }, { onMessage: report, onEnd }, REBUILD_HEAP_BYTES);
    startAgain = false;
  }

  function report(message: FromRebuild): void {
    if (message.kind === 'problems') {
      for (const text of message.texts)
        if (!reported.includes(text)) log('warn', `${text}; deliveries are still recorded`);
      reported = message.texts;
      return;
    }
    if (message.kind === 'done') {
      log(
        'info',
        `rebuilt ${message.names.join(', ')} from ${message.events === 1 ? '1 event' : `${message.events} events`} in ${message.ms} ms`,
      );
    }
    if (message.kind === 'under-way') retry ??= setTimeout(start, REBUILD_RETRY_MS);
    if (message.kind === 'failed') {
      const minutes = REBUILD_FAILED_RETRY_MS / 60_000;
      log(
        'error',
        `the tables could not be rebuilt: ${message.text}; retried in ${minutes} minutes, or run ${IRISX} rebuild`,
      );
      retry ??= setTimeout(start, REBUILD_FAILED_RETRY_MS);
    }
    onDone();
  }

  return {
    onLagging(names) {
      lagging = names;
      if (names.length > 0) start();
    },
    async close() {
      closed = true;
      clearTimeout(retry);
      await thread?.close();
    },
  };
}
