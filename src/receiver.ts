/**
 * The whole receiver: opens the writer, then the HTTP server, and closes them in reverse order. main.ts and the tests
 * start it with their own clocks, log and threads.
 */

import type { AddressInfo } from 'node:net';
import type { Config } from './config/config.ts';
import { DEVELOPMENT_SECRET, secretInFile } from './config/secret-file.ts';
import { createLogger } from './core/logger.ts';
import { createCounters } from './core/metrics/counters.ts';
import { Writer } from './core/writer/writer.ts';
import { engineOf } from './engines/engine-of.ts';
import { HandlersRefused } from './handlers/handler.ts';
import { createHttpServer } from './http/server.ts';
import { keepAdmin } from './keep-admin.ts';
import { derivations } from './projections/index.ts';
import { keepHandling } from './threads/keep-handling.ts';
import { keepRebuilt } from './threads/keep-rebuilt.ts';
import { openThread } from './threads/thread.ts';

export interface ReceiverOptions {
  readonly config: Config;
  /** Wall clock, milliseconds. */
  readonly now?: () => number;
  readonly monotonicMs?: () => number;
  /** Writes one log line, given without a line end. */
  readonly writeLine: (line: string) => void;
  /** The outcome of a commit is unknown: flush the output and exit without closing anything. */
  readonly onLost: (text: string) => void;
}

export type Receiver = Awaited<ReturnType<typeof openReceiver>>;

/**
 * @throws Error whose message is one line for the operator: the database, the port or the handlers (HandlersRefused)
 *   cannot be used
 */
export async function openReceiver(options: ReceiverOptions) {
  const { config, writeLine } = options;
  const { databasePath } = config;
  const now = options.now ?? Date.now;
  const monotonicMs = options.monotonicMs ?? (() => performance.now());
  const log = createLogger(config.logLevel, config.logFormat, now, writeLine);
  const counters = createCounters();
  const lacksSecret = config.secrets.length === 0 && !config.skipSignatureVerification;
  const secrets = lacksSecret ? [secretInFile(DEVELOPMENT_SECRET, databasePath)] : config.secrets;

  const engine = engineOf(databasePath, derivations);
  await engine.create((text) => log('info', text));
  const rebuilder = keepRebuilt(databasePath, log, () => writer.refresh());
  const handling = keepHandling({ databasePath, ...config.handlers }, log, () => writer.refresh());
  const writer: Writer = await Writer.open(
    (events) => openThread('writer-thread', { databasePath }, events),
    log,
    {
      onLost: options.onLost,
      onCommitted(deliveries, ms) {
        counters.addBatch(deliveries, ms);
        handling.wake();
      },
      onLagging: (lagging) => rebuilder.onLagging(lagging),
    },
  ).catch(async (error) => {
    await handling.close();
    throw error;
  });

  const http = createHttpServer({
    ...config,
    secrets,
    writer,
    counters,
    log,
    writeLine,
    now,
    monotonicMs,
  });

  let address: AddressInfo;
  try {
    await handling.loaded;
    await handling.start();
    address = await http.listen(config);
  } catch (error) {
    await handling.close();
    await rebuilder.close();
    await writer.close().catch(() => undefined);
    if (error instanceof HandlersRefused) throw error;
    throw new Error(listenProblem(error as NodeJS.ErrnoException, config), { cause: error });
  }
  const startedAtMs = now();
  const startedMs = monotonicMs();
  const processState = () => ({
    startedAtMs,
    uptimeS: (monotonicMs() - startedMs) / 1000,
    isDraining: http.isDraining,
    storage: writer.storage,
    lagging: writer.lagging,
    headSeq: writer.lastSeq,
    ...counters.read(),
    queued: writer.pending,
    consumers: handling.positions(),
  });
  const admin = await keepAdmin({ ...config, processState, sizes: () => engine.sizes(), log, now });
  return {
    address,
    /** The event types that have a handler. */
    handledTypes: handling.types(),
    /** Undefined if there are no admin pages. */
    adminPages: admin.pages,
    /** The log's last event at the start. */
    head: writer.head,
    /**
     * Drains HTTP, writes all queued deliveries and closes the database.
     * @returns the final head of the log
     * @throws Error if the database is lost; onLost() then ends the process
     */
    async close() {
      const handled = handling.close();
      writer.drain();
      await http.drain();
      await Promise.all([handled, rebuilder.close(), admin.close()]);
      const head = await writer.close();
      log(
        'info',
        `stopped; the log ends with seq ${head.seq}, chain ${Buffer.from(head.chain).toString('hex')}`,
        {
          counts: counters.read().counts,
        },
      );
      return head;
    },
  };
}

function listenProblem(error: NodeJS.ErrnoException, config: Config): string {
  const { port, host, listenFd } = config;
  if (listenFd !== undefined) {
    return `LISTEN_FDS: descriptor ${listenFd} is not a listening TCP socket (${error.message}): let the supervisor open a TCP port for this program`;
  }
  const where = host === undefined ? `port ${port}` : `${host}, port ${port}`;
  if (error.code === 'EADDRINUSE' && config.isSocketOfAnother) {
    return `${where} is in use, probably by the supervisor: LISTEN_PID names another process; let the supervisor start node directly, not npm or a shell`;
  }
  if (error.code === 'EADDRINUSE') return `${where} is in use by another program: stop it, or set PORT`;
  if (error.code === 'EACCES') return `this user may not open ${where}: set PORT to 1024 or higher`;
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return `HOST=${host} is not an address of this machine`;
  return `cannot listen on ${where}: ${error.message}`;
}
