/**
 * Keeps the tables up to date with the log: where the writer finds one that it cannot fold into, a thread says why and
 * rebuilds it while the server keeps receiving. Of several processes one does; the others check again.
 */

import type { Worker } from 'node:worker_threads';
import { REBUILD_FAILED_RETRY_MS, REBUILD_RETRY_MS } from './core/limits.ts';
import type { Log } from './core/logger.ts';
import { IRISX } from './core/packaging.ts';
import type { FromRebuild } from './rebuild-thread.ts';
import { startThread } from './threads.ts';

export interface Rebuilder {
  /** @param lagging projections whose table lacks events; empty when all is well */
  onLagging(lagging: readonly string[]): void;
  /** Ends a rebuild under way: the live tables are unharmed, the next start begins anew. */
  close(): Promise<void>;
}

/** @param onDone called after a rebuild, so that the writer looks at the tables again */
export function keepRebuilt(databasePath: string, log: Log, onDone: () => void): Rebuilder {
  let lagging: readonly string[] = [];
  let reported: readonly string[] = [];
  let thread: Worker | undefined;
  let retry: NodeJS.Timeout | undefined;
  let startAgain = false;
  let closed = false;

  function start(): void {
    clearTimeout(retry);
    retry = undefined;
    if (closed || lagging.length === 0) return;
    if (thread !== undefined) {
      startAgain = true; // it may have looked before the tables fell behind
      return;
    }
    thread = startThread('rebuild-thread', databasePath);
    thread.on('message', (message: FromRebuild) => report(message));
    thread.on('error', (error) => report({ kind: 'failed', text: error.message }));
    thread.on('exit', () => {
      thread = undefined;
      if (startAgain && retry === undefined) start();
    });
    startAgain = false;
  }

  function report(message: FromRebuild): void {
    if (message.kind === 'problems') {
      for (const text of message.texts)
        if (!reported.includes(text)) log('warn', `${text}; deliveries are recorded`);
      reported = message.texts;
      return;
    }
    if (message.kind === 'done') {
      log('info', `rebuilt ${message.names.join(', ')} from ${message.events} events in ${message.ms} ms`);
    }
    if (message.kind === 'under-way') retry ??= setTimeout(start, REBUILD_RETRY_MS);
    if (message.kind === 'failed') {
      const minutes = REBUILD_FAILED_RETRY_MS / 60_000;
      log(
        'error',
        `the tables could not be rebuilt: ${message.text}; trying again in ${minutes} minutes, or with ${IRISX} rebuild`,
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
      await thread?.terminate();
    },
  };
}
