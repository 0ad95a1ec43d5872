/**
 * Keeps the handlers' thread alive: starts it, wakes it after commits, terminates it if it blocks, and starts a new
 * one, which gets the list of runs that were in progress. Nothing in that thread can delay or stop receiving.
 */

import type { Worker } from 'node:worker_threads';
import {
  HANDLERS_HEAP_BYTES,
  HANDLERS_LOAD_MS,
  HANDLERS_LOOK_MS,
  HANDLERS_RESTART_FIRST_MS,
  HANDLERS_RESTART_LAST_MS,
  HANDLERS_UNYIELDING_MS,
} from '../core/limits.ts';
import type { Log } from '../core/logger.ts';
import type { ConsumerPosition } from '../core/metrics/process-state.ts';
import { HandlersRefused } from '../core/runs/handler.ts';
import { type FromHandlers, SharedState, type ToHandlers } from '../core/runs/handlers-messages.ts';
import type { ForwardOptions } from '../handlers/forward.ts';
import type { HandlersThreadData } from './handlers-thread.ts';
import { startThread } from './threads.ts';

export interface HandlingOptions {
  readonly databasePath: string;
  /** Absolute path of the user's module; undefined for the handlers in src/handlers. */
  readonly modulePath: string | undefined;
  /** Timeout of one run, milliseconds. */
  readonly timeoutMs: number;
  /** Maximum number of concurrent runs. */
  readonly runsMax: number;
  readonly forward: ForwardOptions | undefined;
}

export interface Handling {
  /**
   * @returns when the handlers are loaded, or there are none
   * @throws HandlersRefused
   */
  readonly loaded: Promise<void>;
  /** Call it when the database is open. @returns when the starting position is set, so that new events can arrive */
  start(): Promise<void>;
  /** Call it after a commit. */
  wake(): void;
  /** The event types that have a handler; empty until they are loaded. */
  types(): readonly string[];
  /** The positions of the consumers that run in this process. */
  positions(): ConsumerPosition[];
  /** @returns when the runs in progress have ended or been abandoned, and the state is written */
  close(): Promise<void>;
}

type Dead = NonNullable<HandlersThreadData['dead']>;

const LOAD_HINT = 'its top-level code must finish';
/** Node's exit code if a top-level `await` never settles. */
const UNSETTLED_AWAIT = 13;

/** @param onWaiting called about once a second while handlers wait for the tables */
export function keepHandling(options: HandlingOptions, log: Log, onWaiting: () => void): Handling {
  const module = options.modulePath === undefined ? 'src/handlers' : `HANDLERS=${options.modulePath}`;
  const shared = SharedState.create(options.runsMax);
  let thread: Worker | undefined;
  let consumers: readonly string[] = [];
  let types: readonly string[] = [];
  let isStarted = false;
  let deaths = 0;
  /** It died after it had loaded and before start(). */
  let diedEarly: { readonly text: string; readonly isForeign: boolean } | undefined;
  let onStarted = () => {};
  let isClosing = false;
  let restart: NodeJS.Timeout | undefined;
  let restartMs = HANDLERS_RESTART_FIRST_MS;
  let watch: NodeJS.Timeout | undefined;
  /** What the current thread must store about the previous one, until it has done so. */
  let untold: Dead | undefined;
  /** Why the current thread is ending, if known. */
  let death: { readonly text: string; readonly isForeign: boolean } | undefined;

  const loaded = new Promise<void>((resolve, reject) => {
    run(undefined, (problem) => {
      if (problem === undefined) resolve();
      else reject(new HandlersRefused(problem));
    });
  });
  loaded.catch(() => {});

  /** @param onLoaded called with the problem, if any; only the first call counts */
  function run(dead: Dead | undefined, onLoaded: (problem?: string) => void): void {
    death = undefined;
    untold = dead;
    const data: HandlersThreadData = { ...options, shared: shared.buffer, dead };
    const mine = startThread('handlers-thread', data, HANDLERS_HEAP_BYTES);
    thread = mine;
    const late = setTimeout(
      () => refuse(`${module} did not load within ${HANDLERS_LOAD_MS} ms: ${LOAD_HINT}`),
      HANDLERS_LOAD_MS,
    );
    const loads = (problem?: string) => {
      clearTimeout(late);
      onLoaded(problem);
    };
    /** Terminates the thread, because its module's top-level code may keep it alive. */
    const refuse = (text: string) => {
      death = { text, isForeign: false };
      loads(text);
      void mine.terminate();
    };
    mine.on('message', (message: FromHandlers) => {
      switch (message.kind) {
        case 'loaded':
          consumers = message.consumers;
          types = message.types;
          loads();
          if (isStarted) begin();
          return;
        case 'nothing':
          thread = undefined;
          return loads();
        case 'refused':
          return refuse(message.text);
        case 'started':
          untold = undefined;
          return onStarted();
        case 'waiting':
          return onWaiting();
        case 'log':
          return log(message.level, message.text);
        case 'died':
          death = message;
      }
    });
    mine.on('error', (error) => {
      death ??= { text: error.message, isForeign: true };
    });
    mine.on('exit', (code) => {
      if (thread !== mine) return;
      thread = undefined;
      shared.forgetSettled();
      clearInterval(watch);
      const ended = death ?? { text: endText(code), isForeign: true };
      loads(`${module} cannot be loaded: ${ended.text}`);
      // The start waits for the next thread, but not for one after the other: receiving must begin.
      deaths += 1;
      if (isClosing || deaths > 1) onStarted();
      if (isClosing) return;
      if (isStarted) replace(ended);
      else diedEarly = ended;
    });
  }

  function begin(): void {
    say({ kind: 'start' });
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
      silentMs = now === heartbeats ? silentMs + HANDLERS_LOOK_MS : 0;
      heartbeats = now;
      livedMs += HANDLERS_LOOK_MS;
      if (livedMs >= HANDLERS_RESTART_LAST_MS) restartMs = HANDLERS_RESTART_FIRST_MS;
      if (silentMs < options.timeoutMs + HANDLERS_UNYIELDING_MS) return;
      clearInterval(watch);
      death = { text: `a handler blocked the thread for ${silentMs} ms`, isForeign: true };
      void thread?.terminate();
    }, HANDLERS_LOOK_MS);
    watch.unref();
  }

  function replace({ text, isForeign }: { readonly text: string; readonly isForeign: boolean }): void {
    const seqs = isForeign ? shared.underWay : [];
    const under = seqs.length === 0 ? '' : `, with seq ${seqs.join(', ')} in progress`;
    log('error', `the handlers' thread has ended: ${text}${under}; it is restarted in ${restartMs / 1000} s`);
    const dead = untold ?? { seqs, reason: text };
    restart = setTimeout(() => run(dead, () => {}), restartMs);
    restartMs = Math.min(2 * restartMs, HANDLERS_RESTART_LAST_MS);
  }

  function say(message: ToHandlers): void {
    thread?.postMessage(message);
  }

  return {
    loaded,
    async start() {
      isStarted = true;
      if (thread === undefined && diedEarly === undefined) return;
      await new Promise<void>((resolve) => {
        onStarted = resolve;
        if (diedEarly === undefined) begin();
        else replace(diedEarly);
      });
    },
    wake() {
      if (thread !== undefined && shared.takeWaking()) say({ kind: 'wake' });
    },
    types: () => types,
    positions: () =>
      consumers.flatMap((name, index) => {
        const settledSeq = shared.settled(index);
        return settledSeq === undefined ? [] : [{ name, settledSeq }];
      }),
    async close() {
      isClosing = true;
      clearTimeout(restart);
      clearInterval(watch);
      const closing = thread;
      if (closing === undefined) return;
      await new Promise<void>((resolve) => {
        closing.once('exit', () => resolve());
        setTimeout(() => void closing.terminate(), HANDLERS_UNYIELDING_MS).unref();
        say({ kind: 'close' });
      });
    },
  };
}

function endText(code: number): string {
  return code === UNSETTLED_AWAIT
    ? `its top-level await never settles: ${LOAD_HINT}`
    : `it ended with code ${code}`;
}
