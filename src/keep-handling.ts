/**
 * Keeps the thread of the handlers alive: starts it, wakes it after commits, ends one that does not yield, and starts the
 * next, which is told what was under way. Nothing that happens there can delay or end receiving.
 */

import type { Worker } from 'node:worker_threads';
import { HandlersRefused } from './core/handler.ts';
import { type FromHandlers, SharedState, type ToHandlers } from './core/handlers-messages.ts';
import {
  HANDLERS_HEAP_BYTES,
  HANDLERS_LOAD_MS,
  HANDLERS_LOOK_MS,
  HANDLERS_RESTART_FIRST_MS,
  HANDLERS_RESTART_LAST_MS,
  HANDLERS_UNYIELDING_MS,
} from './core/limits.ts';
import type { Log } from './core/logger.ts';
import type { ConsumerPosition } from './core/snapshot.ts';
import type { ForwardOptions } from './handlers/forward.ts';
import type { HandlersThreadData } from './handlers-thread.ts';
import { startThread } from './threads.ts';

export interface HandlingOptions {
  readonly databasePath: string;
  /** The user's module, absolute; undefined: the handlers of src/handlers. */
  readonly modulePath: string | undefined;
  /** Of one run, milliseconds. */
  readonly timeoutMs: number;
  /** At one time. */
  readonly runsMax: number;
  readonly forward: ForwardOptions | undefined;
}

export interface Handling {
  /**
   * @returns when the handlers are loaded, or there are none
   * @throws HandlersRefused
   */
  readonly loaded: Promise<void>;
  /** The database is open. @returns when no later event can be taken for one of before */
  start(): Promise<void>;
  /** Something was committed. */
  wake(): void;
  /** How far those that run in this process have come. */
  positions(): ConsumerPosition[];
  /** @returns when runs under way have ended or been given up, and the state is written */
  close(): Promise<void>;
}

type Dead = NonNullable<HandlersThreadData['dead']>;

const MIB = 1024 * 1024;
const LOAD_HINT = 'what stands outside its functions must end';
/** Node's exit code of a module whose `await` outside its functions never ends. */
const UNSETTLED_AWAIT = 13;

export function keepHandling(options: HandlingOptions, log: Log): Handling {
  const module = options.modulePath === undefined ? 'src/handlers' : `HANDLERS=${options.modulePath}`;
  const shared = SharedState.create(options.runsMax);
  let thread: Worker | undefined;
  let consumers: readonly string[] = [];
  let isStarted = false;
  let onStarted = () => {};
  let isClosing = false;
  let restart: NodeJS.Timeout | undefined;
  let restartMs = HANDLERS_RESTART_FIRST_MS;
  let watch: NodeJS.Timeout | undefined;
  /** What the present thread was told of the one before it, until it has noted that. */
  let untold: Dead | undefined;
  /** Why the present thread is ending, where that is known. */
  let death: { readonly text: string; readonly isForeign: boolean } | undefined;

  const loaded = new Promise<void>((resolve, reject) => {
    run(undefined, (problem) => {
      if (problem === undefined) resolve();
      else reject(new HandlersRefused(problem));
    });
  });
  loaded.catch(() => {});

  /** @param onLoaded called with what is wrong; only the first call counts */
  function run(dead: Dead | undefined, onLoaded: (problem?: string) => void): void {
    death = undefined;
    untold = dead;
    const data: HandlersThreadData = { ...options, shared: shared.buffer, dead };
    const mine = startThread('handlers-thread', data, {
      maxOldGenerationSizeMb: HANDLERS_HEAP_BYTES / MIB,
    });
    thread = mine;
    const late = setTimeout(
      () => refuse(`${module} did not load within ${HANDLERS_LOAD_MS} ms: ${LOAD_HINT}`),
      HANDLERS_LOAD_MS,
    );
    const loads = (problem?: string) => {
      clearTimeout(late);
      onLoaded(problem);
    };
    /** What stands outside its functions may keep the thread alive, and hold its place. */
    const refuse = (text: string) => {
      death = { text, isForeign: false };
      loads(text);
      void mine.terminate();
    };
    mine.on('message', (message: FromHandlers) => {
      switch (message.kind) {
        case 'loaded':
          consumers = message.consumers;
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
      const { text, isForeign } = death ?? { text: endText(code), isForeign: true };
      loads(`${module} cannot be loaded: ${text}`);
      onStarted();
      if (isStarted && !isClosing) replace(text, isForeign);
    });
  }

  function begin(): void {
    say({ kind: 'start' });
    keepWatch();
  }

  /** The thread counts its heartbeats; one that stands still for as long as a run may take does not yield. */
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
      death = { text: `the handler did not yield for ${silentMs} ms`, isForeign: true };
      void thread?.terminate();
    }, HANDLERS_LOOK_MS);
    watch.unref();
  }

  function replace(text: string, isForeign: boolean): void {
    const seqs = isForeign ? shared.underWay : [];
    const under = seqs.length === 0 ? '' : `, with seq ${seqs.join(', ')} under way`;
    log('error', `the handlers' thread has ended: ${text}${under}; the next starts in ${restartMs / 1000} s`);
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
      if (thread === undefined) return;
      await new Promise<void>((resolve) => {
        onStarted = resolve;
        begin();
      });
    },
    wake() {
      if (thread !== undefined && shared.takeWaking()) say({ kind: 'wake' });
    },
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
    ? `its top-level await never ends: ${LOAD_HINT}`
    : `it ended with code ${code}`;
}
