/**
 * The handlers' thread. It takes the lock that only one process per log can hold, opens the log read-only, opens the
 * state file, and runs one dispatcher per consumer. This process's commits wake it; once per second it polls for
 * changes by other processes.
 */

import type { MessagePort } from 'node:worker_threads';
import type { Database } from 'better-sqlite3';
import { openReadOnly } from '../../engines/sqlite/file/database.ts';
import { lockFile } from '../../engines/sqlite/file/file-lock.ts';
import { EventLog } from '../../engines/sqlite/log/event-log.ts';
import { ProjectionStates } from '../../engines/sqlite/log/projection-state.ts';
import { RunStore } from '../../engines/sqlite/run-store.ts';
import { runStoreLockPath, runStorePath } from '../../engines/sqlite/run-store-file.ts';
import { CONSUMER_NOTE_MS, HANDLERS_CLOSE_MS, HANDLERS_LOOK_MS, HANDLERS_WAKE_MS } from '../limits.ts';
import type { LogLevel } from '../logger.ts';
import type { Projection } from '../tables/projection.ts';
import type { Consumer } from './consumer.ts';
import { Dispatcher } from './dispatcher.ts';
import type { FromHandlers, SharedState, ToHandlers } from './handlers-messages.ts';

export interface HandlersOptions {
  readonly port: MessagePort;
  readonly databasePath: string;
  readonly consumers: readonly Consumer[];
  readonly shared: SharedState;
  readonly log: (level: LogLevel, text: string) => void;
  /** The projections whose tables a user's code may read. */
  readonly projections: readonly Projection[];
  /** Called if the receiver's own code fails, not a consumer's: the thread must end. */
  readonly onFault: (error: unknown) => void;
  /** The events in progress when the previous thread died, and why it died. */
  readonly dead: { readonly seqs: readonly number[]; readonly reason: string } | undefined;
}

interface Running {
  readonly database: Database;
  readonly store: RunStore;
  readonly dispatchers: readonly Dispatcher[];
  readonly unlock: () => void;
}

/** Runs until `close`. */
export function runHandlers(options: HandlersOptions): void {
  const { port, databasePath, consumers, shared, log, onFault, dead } = options;
  const say = (message: FromHandlers) => port.postMessage(message);
  let running: Running | undefined;
  let isStarted = false;
  let wakes: NodeJS.Timeout | undefined;
  let logVersion: unknown;
  let stateVersion: unknown;
  let noteAtMs = 0;

  const look = setInterval(() => {
    shared.beat();
    guarded(lookForOthers);
  }, HANDLERS_LOOK_MS);

  port.on('message', (message: ToHandlers) => {
    if (message.kind === 'start') guarded(start);
    else if (message.kind === 'wake') wakes ??= setTimeout(() => guarded(wake), HANDLERS_WAKE_MS);
    else close().catch(onFault);
  });

  function guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      onFault(error);
    }
  }

  /** Checks for changes by other processes, and for a lock that has become free. */
  function lookForOthers(): void {
    if (isStarted && running === undefined) begin();
    if (running === undefined) return;
    const { database, store, dispatchers } = running;
    if (performance.now() >= noteAtMs) noteRunning(dispatchers);
    if (dispatchers.some(({ isWaiting }) => isWaiting)) say({ kind: 'waiting' });
    const found = [database.pragma('data_version', { simple: true }), store.dataVersion()];
    if (found[0] === logVersion && found[1] === stateVersion) return;
    if (found[1] !== stateVersion) for (const dispatcher of dispatchers) dispatcher.reload();
    [logVersion, stateVersion] = found;
    for (const dispatcher of dispatchers) dispatcher.pump();
  }

  function noteRunning(dispatchers: readonly Dispatcher[]): void {
    noteAtMs = performance.now() + CONSUMER_NOTE_MS;
    for (const dispatcher of dispatchers) dispatcher.noteRunning();
  }

  function start(): void {
    isStarted = true;
    begin();
    say({ kind: 'started' });
  }

  /** Starts running the handlers, unless another process has the lock. */
  function begin(): void {
    const unlock = lockFile(runStoreLockPath(databasePath));
    if (unlock === undefined) return;
    const store = new RunStore(runStorePath(databasePath));
    store.stopAll();
    const database = openReadOnly(databasePath);
    const states = new ProjectionStates(database);
    const query = (sql: string, ...values: readonly unknown[]) =>
      database.prepare<unknown[], Record<string, unknown>>(sql).all(...values);
    const dispatchers = consumers.map((consumer, index) => {
      const dispatcher = new Dispatcher({
        consumer,
        log: new EventLog(database),
        store,
        now: Date.now,
        random: Math.random,
        tools: { log, query },
        reflectedSeq: () => states.reflectedSeq(options.projections),
        onFault,
        isCautious: dead !== undefined,
        onSettled: (seq) => shared.setSettled(index, seq),
        onUnderWay(seqs) {
          shared.underWay = seqs;
        },
      });
      if (consumer.isForeign && dead !== undefined) dispatcher.blame(dead.seqs, dead.reason);
      return dispatcher;
    });
    shared.underWay = [];
    running = { database, store, dispatchers, unlock };
    noteAtMs = performance.now() + CONSUMER_NOTE_MS;
    wake();
  }

  function wake(): void {
    wakes = undefined;
    shared.askForWaking();
    for (const dispatcher of running?.dispatchers ?? []) dispatcher.pump();
  }

  async function close(): Promise<void> {
    clearInterval(look);
    clearTimeout(wakes);
    port.removeAllListeners('message');
    const dispatchers = running?.dispatchers ?? [];
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.close(HANDLERS_CLOSE_MS)));
    noteRunning(dispatchers);
    running?.database.close();
    running?.store.close();
    running?.unlock();
    say({ kind: 'closed' });
    port.close();
  }
}
