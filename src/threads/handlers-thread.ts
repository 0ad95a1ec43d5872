/** Entry of the handlers' thread: loads the consumers, reports whether there are any, and runs them when asked to. */

import { LOGGED_FAILURES_PER_SECOND_MAX } from '../core/limits.ts';
import type { LogLevel } from '../core/logger.ts';
import { NICENESS } from '../core/low-priority.ts';
import { asRunFailed, type Consumer } from '../core/runs/consumer.ts';
import { type Death, type FromHandlers, SharedState } from '../core/runs/handlers-messages.ts';
import { runHandlers } from '../core/runs/run-handlers.ts';
import { throttle } from '../core/throttle.ts';
import { offerDriver } from '../engines/sqlite/file/offer-driver.ts';
import { faultText } from '../engines/sqlite/file/storage-fault.ts';
import { type ForwardOptions, forwardConsumer } from '../handlers/forward.ts';
import { HandlersRefused } from '../handlers/handler.ts';
import { handlersConsumer } from '../handlers/handlers-consumer.ts';
import { loadHandlers } from '../handlers/load.ts';
import { enterThread } from './entry.ts';
import type { ThreadData } from './thread.ts';

export interface HandlingOptions extends ThreadData {
  /** Absolute path of the user's module; undefined for the handlers in src/handlers. */
  readonly modulePath: string | undefined;
  /** Timeout of one run, milliseconds. */
  readonly timeoutMs: number;
  /** Maximum number of concurrent runs. */
  readonly runsMax: number;
  readonly forward: ForwardOptions | undefined;
}

export interface HandlersThreadData extends HandlingOptions {
  readonly shared: SharedArrayBuffer;
  /** The previous thread's, unless it is stored already. */
  readonly death: Death | undefined;
}

const { port, data, engine, send } = enterThread<HandlersThreadData, FromHandlers>(NICENESS.reading);
const mayWarn = throttle(
  LOGGED_FAILURES_PER_SECOND_MAX,
  1000,
  () => performance.now(),
  (count) => send({ kind: 'log', level: 'warn', text: `${count} more handler warnings in one second` }),
);

/** Logs every record but warnings beyond the limit: all of them are in the state file, too. */
function log(level: LogLevel, text: string): void {
  if (level !== 'warn' || mayWarn()) send({ kind: 'log', level, text });
}

/** @param inUserCode whether the user's code has failed */
function die(error: unknown, inUserCode: boolean): void {
  send({ kind: 'died', text: faultText(error), inUserCode });
  process.exit(1);
}

// Errors in the receiver's own code reach onFault() and never this handler, whatever their kind.
process.on('uncaughtException', (error) => die(error, true));
process.on('unhandledRejection', (reason) => {
  const { message } = asRunFailed(reason);
  log('warn', `handlers: a promise that no run awaits was rejected: ${message}; await it`);
});

try {
  offerDriver();
  const handlers = await loadHandlers(data.modulePath);
  const consumers: Consumer[] = [];
  if (handlers.size > 0) consumers.push(handlersConsumer(handlers, data.timeoutMs, data.runsMax));
  if (data.forward !== undefined) consumers.push(forwardConsumer(data.forward, Date.now));
  if (consumers.length > 0)
    runHandlers({
      port,
      engine,
      consumers,
      shared: new SharedState(data.shared),
      log,
      onFault: (error) => die(error, false),
      death: data.death,
    });
  send({ kind: 'loaded', consumers: consumers.map(({ name }) => name), types: [...handlers.keys()] });
} catch (error) {
  if (!(error instanceof HandlersRefused)) throw error;
  send({ kind: 'refused', text: error.message });
}
