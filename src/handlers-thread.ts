/** The entry of the handlers' thread: loads what is to run, says whether there is anything, and runs it when told to. */

import { parentPort, workerData } from 'node:worker_threads';
import { asRunFailed, type Consumer } from './core/consumer.ts';
import { HandlersRefused } from './core/handler.ts';
import { type FromHandlers, SharedState } from './core/handlers-messages.ts';
import { lowerPriority, NICENESS } from './core/low-priority.ts';
import { quietly } from './core/quietly.ts';
import { runHandlers } from './core/run-handlers.ts';
import { faultText } from './core/storage-fault.ts';
import { type ForwardOptions, forwardConsumer } from './handlers/forward.ts';
import { loadHandlers } from './handlers/load.ts';
import { handlersConsumer } from './handlers/own.ts';
import { derivations } from './projections/index.ts';

/** What the thread is given. */
export interface HandlersThreadData {
  readonly databasePath: string;
  /** The user's module, absolute; undefined: the handlers of src/handlers. */
  readonly modulePath: string | undefined;
  readonly timeoutMs: number;
  readonly runsMax: number;
  readonly forward: ForwardOptions | undefined;
  readonly shared: SharedArrayBuffer;
  readonly dead: { readonly seqs: readonly number[]; readonly reason: string } | undefined;
}

if (parentPort === null) throw new Error('handlers-thread runs as a thread only');
const port = parentPort;
const data = workerData as HandlersThreadData;
const say = (message: FromHandlers) => port.postMessage(message);
const log = quietly((level, text) => say({ kind: 'log', level, text }));

/** @param isForeign whether it is the user's code that has failed */
function die(error: unknown, isForeign: boolean): void {
  say({ kind: 'died', text: faultText(error), isForeign });
  process.exit(1);
}

// What fails in this program's own code comes to onFault() and never here, whatever kind of error it is.
process.on('uncaughtException', (error) => die(error, true));
process.on('unhandledRejection', (reason) => {
  const { message } = asRunFailed(reason);
  log('warn', `handlers: a promise that no run waits for was rejected: ${message}; await it`);
});

lowerPriority(NICENESS.reading); // what handlers do must not take the processor from receiving
try {
  const handlers = await loadHandlers(data.modulePath);
  const consumers: Consumer[] = [];
  if (handlers.size > 0) consumers.push(handlersConsumer(handlers, data.timeoutMs, data.runsMax));
  if (data.forward !== undefined) consumers.push(forwardConsumer(data.forward, Date.now));
  if (consumers.length === 0) say({ kind: 'nothing' });
  else {
    runHandlers({
      port,
      databasePath: data.databasePath,
      consumers,
      shared: new SharedState(data.shared),
      log,
      projections: derivations.projections,
      onFault: (error) => die(error, false),
      dead: data.dead,
    });
    say({ kind: 'loaded', consumers: consumers.map(({ name }) => name) });
  }
} catch (error) {
  if (!(error instanceof HandlersRefused)) throw error;
  say({ kind: 'refused', text: error.message });
}
