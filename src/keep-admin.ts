/**
 * The admin part of a running receiver: the snapshot of its state, the listener and the pages thread. If the port is in
 * use, usually by another process on the same log, the receiver runs without it.
 */

import { statSync } from 'node:fs';
import type { Config } from './config.ts';
import type { Counters } from './core/counters.ts';
import { watchEventLoop } from './core/event-loop-delay.ts';
import type { Log } from './core/logger.ts';
import type { Snapshot } from './core/snapshot.ts';
import type { Writer } from './core/writer.ts';
import { type AdminServer, openAdmin } from './http/admin.ts';
import type { HttpServer } from './http/server.ts';
import type { Handling } from './keep-handling.ts';
import { keepPages } from './keep-pages.ts';

export interface AdminOptions {
  readonly config: Pick<Config, 'admin' | 'databasePath'>;
  readonly writer: Writer;
  readonly counters: Counters;
  readonly http: HttpServer;
  readonly handling: Handling;
  readonly log: Log;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  readonly monotonicMs: () => number;
}

export interface Admin {
  /** Undefined if there are no admin pages. */
  readonly url: string | undefined;
  close(): Promise<void>;
}

/** @returns when it listens or has failed to */
export async function keepAdmin(options: AdminOptions): Promise<Admin> {
  const { writer, counters, http, handling, log } = options;
  const { admin, databasePath } = options.config;
  if (admin.port === 0) return { url: undefined, close: async () => {} };
  const startedAtMs = options.now();
  const startedMs = options.monotonicMs();
  const eventLoop = watchEventLoop();
  const snapshot = (): Snapshot => ({
    startedAtMs,
    uptimeS: (options.monotonicMs() - startedMs) / 1000,
    isDraining: http.isDraining,
    storage: writer.storage,
    lagging: writer.lagging,
    headSeq: writer.lastSeq,
    counts: counters.read(),
    statuses: counters.readStatuses(),
    deliveries: counters.readDeliveries(),
    batchDeliveries: counters.batchDeliveries.read(),
    commitSeconds: counters.commitSeconds.read(),
    queued: writer.pending,
    eventLoopDelay: eventLoop.read(),
    consumers: handling.positions(),
  });
  const pages = keepPages(databasePath, snapshot, log);
  let server: AdminServer | undefined;
  try {
    server = await openAdmin({
      ...admin,
      snapshot,
      fileSizes: () => ({ database: sizeOf(databasePath), wal: sizeOf(`${databasePath}-wal`) }),
      page: pages.make,
      log,
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const problem = code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be opened (${message})`;
    log(
      'warn',
      `no admin pages: ADMIN_HOST=${admin.host}, ADMIN_PORT=${admin.port} ${problem}; deliveries are still accepted; set another ADMIN_PORT, or 0`,
    );
  }
  const name = admin.host.includes(':') ? `[${admin.host}]` : admin.host;
  return {
    url: server === undefined ? undefined : `http://${name}:${server.port}/`,
    async close() {
      eventLoop.close();
      await server?.close();
      await pages.close();
    },
  };
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}
