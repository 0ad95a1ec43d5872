/** Entry of the handlers' thread: loads the consumers, reports whether there are any, and runs them when asked to. */

import { parentPort, workerData } from 'node:worker_threads';
import { LOGGED_FAILURES_PER_SECOND_MAX } from '../core/limits.ts';
import type { LogLevel } from '../core/logger.ts';
import { lowerPriority, NICENESS } from '../core/low-priority.ts';
import { asRunFailed, type Consumer } from '../core/runs/consumer.ts';
import { HandlersRefused } from '../core/runs/handler.ts';
import { type FromHandlers, SharedState } from '../core/runs/handlers-messages.ts';
import { runHandlers } from '../core/runs/run-handlers.ts';
import { throttle } from '../core/throttle.ts';
import { engineOf } from '../engines/engine-of.ts';
import { offerDriver } from '../engines/sqlite/file/offer-driver.ts';
import { faultText } from '../engines/sqlite/file/storage-fault.ts';
import { type ForwardOptions, forwardConsumer } from '../handlers/forward.ts';
import { loadHandlers } from '../handlers/load.ts';
import { handlersConsumer } from '../handlers/own.ts';
import { derivations } from '../projections/index.ts';

/** The data passed to the thread. */
export interface HandlersThreadData {
  readonly databasePath: string;
  /** Absolute path of the user's module; undefined for the handlers in src/handlers. */
  readonly modulePath: string | undefined;
  readonly timeoutMs: number;
  readonly runsMax: number;
  readonly forward: ForwardOptions | undefined;
  readonly shared: SharedArrayBuffer;
  readonly dead: { readonly seqs: readonly number[]; readonly reason: string } | undefined;
}

if (parentPort === null) throw new Error('handlers-thread must run as a worker thread');
const port = parentPort;
const data = workerData as HandlersThreadData;
const say = (message: FromHandlers) => port.postMessage(message);
const mayWarn = throttle(
  LOGGED_FAILURES_PER_SECOND_MAX,
  1000,
  () => performance.now(),
  (count) => say({ kind: 'log', level: 'warn', text: `${count} more handler warnings in one second` }),
);

/** Logs every record but warnings beyond the limit: all of them are in the state file, too. */
function log(level: LogLevel, text: string): void {
  if (level !== 'warn' || mayWarn()) say({ kind: 'log', level, text });
}

/** @param isForeign whether the user's code has failed */
function die(error: unknown, isForeign: boolean): void {
  say({ kind: 'died', text: faultText(error), isForeign });
  process.exit(1);
}

// Errors in the receiver's own code reach onFault() and never this handler, whatever their kind.
process.on('uncaughtException', (error) => die(error, true));
process.on('unhandledRejection', (reason) => {
  const { message } = asRunFailed(reason);
  log('warn', `handlers: a promise that no run awaits was rejected: ${message}; await it`);
});

lowerPriority(NICENESS.reading); // handlers must not take processor time from receiving
try {
  offerDriver();
  const handlers = await loadHandlers(data.modulePath);
  const consumers: Consumer[] = [];
  if (handlers.size > 0) consumers.push(handlersConsumer(handlers, data.timeoutMs, data.runsMax));
  if (data.forward !== undefined) consumers.push(forwardConsumer(data.forward, Date.now));
  if (consumers.length === 0) say({ kind: 'nothing' });
  else {
    runHandlers({
      port,
      engine: engineOf(data.databasePath, derivations),
      consumers,
      shared: new SharedState(data.shared),
      log,
      onFault: (error) => die(error, false),
      dead: data.dead,
    });
    say({ kind: 'loaded', consumers: consumers.map(({ name }) => name), types: [...handlers.keys()] });
  }
} catch (error) {
  if (!(error instanceof HandlersRefused)) throw error;
  say({ kind: 'refused', text: error.message });
}
