/**
 * Keeps the handlers' thread alive: starts it, wakes it after commits, ends it if it blocks, and starts a new one, which
 * gets the list of runs that were in progress. Nothing in that thread can delay or stop receiving.
 */

import {
  HANDLERS_HEAP_BYTES,
  HANDLERS_LOAD_MS,
  HANDLERS_POLL_MS,
  HANDLERS_RESTART_FIRST_MS,
  HANDLERS_RESTART_LAST_MS,
  HANDLERS_UNYIELDING_MS,
} from '../core/limits.ts';
import type { Log } from '../core/logger.ts';
import type { ConsumerPosition } from '../core/metrics/process-state.ts';
import {
  type Death,
  type FromHandlers,
  SharedState,
  type ToHandlers,
} from '../core/runs/handlers-messages.ts';
import type { Thread } from '../core/thread.ts';
import { HandlersRefused } from '../handlers/handler.ts';
import type { HandlersThreadData, HandlingOptions } from './handlers-thread.ts';
import { openThread } from './thread.ts';

const LOAD_HINT = 'its top-level code must finish';
/** Node's exit code if a top-level `await` never settles. */
const UNSETTLED_AWAIT = 13;

/** @param onWaiting called about once a second while handlers wait for the tables */
export function keepHandling(options: HandlingOptions, log: Log, onWaiting: () => void) {
  const module = options.modulePath === undefined ? 'src/handlers' : `HANDLERS=${options.modulePath}`;
  const shared = SharedState.create(options.runsMax);
  const loaded = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  /** Until it has ended. */
  let thread: Thread<ToHandlers> | undefined;
  let consumers: readonly string[] = [];
  let types: readonly string[] | undefined;
  /** Whether the current thread has loaded the handlers, and is not being ended. */
  let isReady = false;
  let isClosing = false;
  let deaths = 0;
  /** The last death that no thread has stored yet. */
  let death: Death | undefined;
  let restartMs = HANDLERS_RESTART_FIRST_MS;
  /** Until a thread has loaded, and between two threads. */
  let timer: NodeJS.Timeout | undefined;
  let watch: NodeJS.Timeout | undefined;

  loaded.promise.catch(() => {});
  run();

  function run(): void {
    let problem: Extract<FromHandlers, { kind: 'died' }> | undefined;
    const data: HandlersThreadData = { ...options, shared: shared.buffer, death };
    timer = setTimeout(
      () => refuse(`${module} did not load within ${HANDLERS_LOAD_MS} ms: ${LOAD_HINT}`),
      HANDLERS_LOAD_MS,
    );
    const onMessage = (message: FromHandlers) => {
      switch (message.kind) {
        case 'loaded':
          clearTimeout(timer);
          ({ consumers, types } = message);
          loaded.resolve();
          isReady = consumers.length > 0;
          if (isReady) return void opened.promise.then(begin);
          void thread?.close();
          return started.resolve();
        case 'refused':
          return refuse(message.text);
        case 'started':
          death = undefined;
          return started.resolve();
        case 'waiting':
          return onWaiting();
        case 'log':
          return log(message.level, message.text);
        case 'died':
          problem = message;
      }
    };
    const onEnd = (error: string | undefined, code: number) =>
      void end(problem?.text ?? error ?? endText(code), problem?.inUserCode ?? true);
    thread = openThread('handlers-thread', data, { onMessage, onEnd }, HANDLERS_HEAP_BYTES);
  }

  function begin(): void {
    if (!isReady || isClosing) return;
    thread?.send({ kind: 'start' });
    keepWatch();
  }

  /** Watches the thread's heartbeats. If they stop for longer than a run's timeout, the thread is blocked. */
  function keepWatch(): void {
    let heartbeats = shared.heartbeats;
    let silentMs = 0;
    let livedMs = 0;
    clearInterval(watch);
    watch = setInterval(() => {
      const now = shared.heartbeats;
      silentMs = now === heartbeats ? silentMs + HANDLERS_POLL_MS : 0;
      heartbeats = now;
      livedMs += HANDLERS_POLL_MS;
      if (livedMs >= HANDLERS_RESTART_LAST_MS) restartMs = HANDLERS_RESTART_FIRST_MS;
      if (silentMs >= options.timeoutMs + HANDLERS_UNYIELDING_MS)
        void end(`a handler blocked the thread for ${silentMs} ms`, true);
    }, HANDLERS_POLL_MS);
    watch.unref();
  }

  /** The handlers cannot be used: the first time this refuses the start, later it ends the thread. */
  function refuse(text: string): void {
    loaded.reject(new HandlersRefused(text));
    void end(text, false);
  }

  /**
   * Ends the thread, if it has not ended by itself. Then starts another, because two at the same time would compete for
   * the lead; but none before start(), and none if the handlers have never been loaded.
   */
  async function end(text: string, inUserCode: boolean): Promise<void> {
    loaded.reject(new HandlersRefused(`${module} cannot be loaded: ${text}`));
    isReady = false;
    clearTimeout(timer);
    clearInterval(watch);
    await thread?.close();
    thread = undefined;
    shared.forgetPositions();
    if (types === undefined) return;
    await opened.promise;
    if (isClosing) return;
    // The start waits for the next thread, but not for one after the other: receiving must begin.
    deaths += 1;
    if (deaths > 1) started.resolve();
    const seqs = inUserCode ? shared.underWay : [];
    const under = seqs.length === 0 ? '' : `, with seq ${seqs.join(', ')} in progress`;
    log('error', `the handlers' thread has ended: ${text}${under}; it is restarted in ${restartMs / 1000} s`);
    death ??= { seqs, reason: text };
    timer = setTimeout(run, restartMs);
    restartMs = Math.min(2 * restartMs, HANDLERS_RESTART_LAST_MS);
  }

  return {
    /** Resolves when the handlers are loaded, or there are none. @throws HandlersRefused */
    loaded: loaded.promise,
    /** Call it when the database is open. @returns when the starting position is set, so that new events can arrive */
    async start(): Promise<void> {
      opened.resolve();
      await started.promise;
    },
    /** Call it after a commit. */
    wake(): void {
      if (thread !== undefined && shared.takeWaking()) thread.send({ kind: 'wake' });
    },
    /** The event types that have a handler; empty until they are loaded. */
    types: () => types ?? [],
    /** The positions of the consumers that run in this process. */
    positions: (): ConsumerPosition[] =>
      consumers.flatMap((name, index) => {
        const seq = shared.position(index);
        return seq === undefined ? [] : [{ name, seq }];
      }),
    /** @returns when the runs in progress have ended or been abandoned, and the state is written */
    async close(): Promise<void> {
      isClosing = true;
      clearTimeout(timer);
      clearInterval(watch);
      started.resolve();
      thread?.send({ kind: 'close' });
      await thread?.close(HANDLERS_UNYIELDING_MS);
    },
  };
}

function endText(code: number): string {
  return code === UNSETTLED_AWAIT
    ? `its top-level await never settles: ${LOAD_HINT}`
    : `it ended with code ${code}`;
}
