/**
 * The handlers' thread. It takes the lead that only one process per log can have, opens the log read-only and the state
 * of the consumers, and runs one dispatcher per consumer. This process's commits wake it; once per second it polls for
 * changes by other processes.
 */

import type { MessagePort } from 'node:worker_threads';
import type { Engine } from '../engine/engine.ts';
import type { Reader, SqlValue } from '../engine/reader.ts';
import type { RunStore } from '../engine/run-store.ts';
import { CONSUMER_NOTE_MS, HANDLERS_CLOSE_MS, HANDLERS_POLL_MS, HANDLERS_WAKE_MS } from '../limits.ts';
import type { LogLevel } from '../logger.ts';
import { Turns } from '../turns.ts';
import type { Consumer } from './consumer.ts';
import { Dispatcher } from './dispatcher.ts';
import type { Death, FromHandlers, SharedState, ToHandlers } from './handlers-messages.ts';
import type { RunContext } from './run-context.ts';

export interface HandlersOptions {
  readonly port: MessagePort;
  readonly engine: Engine;
  readonly consumers: readonly Consumer[];
  readonly shared: SharedState;
  readonly log: (level: LogLevel, text: string) => void;
  /** Called if the receiver's own code fails, not a consumer's: the thread must end. */
  readonly onFault: (error: unknown) => void;
  /** The previous thread's, unless it is stored already. */
  readonly death: Death | undefined;
}

interface Running {
  readonly reader: Reader;
  readonly store: RunStore;
  readonly dispatchers: readonly Dispatcher[];
  readonly giveUpLead: () => Promise<void>;
}

/** Runs until `close`. */
export function runHandlers(options: HandlersOptions): void {
  const { port, engine, consumers, shared, log, onFault, death } = options;
  const say = (message: FromHandlers) => port.postMessage(message);
  const turns = new Turns(onFault);
  let running: Running | undefined;
  let isStarted = false;
  let isPolling = false;
  let wakes: NodeJS.Timeout | undefined;
  let logVersion: unknown;
  let stateVersion: unknown;
  let noteAtMs = 0;

  const polling = setInterval(() => {
    shared.beat();
    if (isPolling) return;
    isPolling = true;
    void turns.take(poll);
  }, HANDLERS_POLL_MS);

  port.on('message', (message: ToHandlers) => {
    if (message.kind === 'start') void turns.take(start);
    else if (message.kind === 'wake') wakes ??= setTimeout(() => void turns.take(wake), HANDLERS_WAKE_MS);
    else {
      clearInterval(polling);
      clearTimeout(wakes);
      port.removeAllListeners('message');
      void turns.take(close);
    }
  });

  /** Checks for changes by other processes, and for a lead that has become free. */
  async function poll(): Promise<void> {
    isPolling = false;
    if (isStarted && running === undefined) await begin();
    if (running === undefined) return;
    const { reader, store, dispatchers } = running;
    if (performance.now() >= noteAtMs) await noteRunning(dispatchers);
    if (dispatchers.some(({ isWaiting }) => isWaiting)) say({ kind: 'waiting' });
    const found = [await reader.version(), await store.version()];
    if (found[0] === logVersion && found[1] === stateVersion) return;
    if (found[1] !== stateVersion) await Promise.all(dispatchers.map((dispatcher) => dispatcher.reload()));
    [logVersion, stateVersion] = found;
    await pump();
  }

  async function noteRunning(dispatchers: readonly Dispatcher[]): Promise<void> {
    noteAtMs = performance.now() + CONSUMER_NOTE_MS;
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.noteRunning()));
  }

  async function start(): Promise<void> {
    isStarted = true;
    await begin();
    say({ kind: 'started' });
  }

  /** Starts running the handlers, unless another process leads. */
  async function begin(): Promise<void> {
    const giveUpLead = await engine.leadRuns();
    if (giveUpLead === undefined) return;
    const store = await engine.openRuns();
    await store.takeOver();
    const reader = await engine.openReader();
    const query: RunContext['query'] = (sql, ...values) => reader.query(sql, ...(values as SqlValue[]));
    const dispatchers: Dispatcher[] = [];
    for (const [index, consumer] of consumers.entries()) {
      const dispatcher = await Dispatcher.open({
        consumer,
        reader,
        store,
        now: Date.now,
        random: Math.random,
        tools: { log, query },
        onFault,
        death,
        onPosition: (seq) => shared.setPosition(index, seq),
        onUnderWay(seqs) {
          shared.underWay = seqs;
        },
      });
      dispatchers.push(dispatcher);
    }
    shared.underWay = [];
    running = { reader, store, dispatchers, giveUpLead };
    noteAtMs = performance.now() + CONSUMER_NOTE_MS;
    await wake();
  }

  async function wake(): Promise<void> {
    wakes = undefined;
    shared.askForWaking();
    await pump();
  }

  async function pump(): Promise<void> {
    await Promise.all((running?.dispatchers ?? []).map((dispatcher) => dispatcher.pump()));
  }

  async function close(): Promise<void> {
    const dispatchers = running?.dispatchers ?? [];
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.close(HANDLERS_CLOSE_MS)));
    await noteRunning(dispatchers);
    await running?.reader.close();
    await running?.store.close();
    await running?.giveUpLead();
    port.close();
  }
}
