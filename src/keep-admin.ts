/**
 * The admin part of a running receiver: its state as figures, the listener, its token and the pages thread. The
 * receiver runs without it if the port is in use, usually by another process on the same log, or if the token cannot be
 * stored.
 */

import type { Config } from './config/config.ts';
import { ADMIN_TOKEN, secretInFile, secretPath } from './config/secret-file.ts';
import type { Engine } from './core/engine/engine.ts';
import type { Log } from './core/logger.ts';
import { watchEventLoop } from './core/metrics/event-loop-delay.ts';
import type { ProcessState } from './core/metrics/process-state.ts';
import { type AdminServer, openAdmin } from './http/admin/admin.ts';
import { urlHost } from './http/listen.ts';
import type { HttpOptions } from './http/options.ts';
import type { HttpServer } from './http/server.ts';
import { askForToken, STYLE_SHEET } from './pages/entrance.ts';
import type { Handling } from './threads/keep-handling.ts';
import { keepPages } from './threads/keep-pages.ts';

export interface KeepAdminOptions
  extends Pick<HttpOptions, 'writer' | 'counters' | 'log' | 'now' | 'monotonicMs'> {
  readonly config: Pick<Config, 'admin' | 'databasePath'>;
  readonly engine: Pick<Engine, 'sizes'>;
  readonly http: HttpServer;
  readonly handling: Handling;
}

/** How to open the admin pages. */
export interface AdminPages {
  readonly url: string;
  /** Gives access to everything; must not be logged. */
  readonly token: string;
}

/** @returns when it listens or has failed to */
export async function keepAdmin(options: KeepAdminOptions) {
  const { writer, counters, http, handling, log } = options;
  const { admin, databasePath } = options.config;
  const token = admin.port === 0 ? undefined : (admin.token ?? keptToken(databasePath, log));
  if (token === undefined) return { pages: undefined, close: async () => {} };
  const startedAtMs = options.now();
  const startedMs = options.monotonicMs();
  const eventLoop = watchEventLoop();
  const processState = (): ProcessState => ({
    startedAtMs,
    uptimeS: (options.monotonicMs() - startedMs) / 1000,
    isDraining: http.isDraining,
    storage: writer.storage,
    lagging: writer.lagging,
    headSeq: writer.lastSeq,
    ...counters.read(),
    queued: writer.pending,
    eventLoopDelay: eventLoop.read(),
    consumers: handling.positions(),
  });
  const pages = keepPages(databasePath, processState, log);
  const place =
    admin.token === undefined
      ? `in the file ${ADMIN_TOKEN.name} next to the database`
      : 'the value of ADMIN_TOKEN';
  let server: AdminServer | undefined;
  try {
    server = await openAdmin({
      ...admin,
      token,
      processState,
      sizes: () => options.engine.sizes(),
      page: pages.make,
      askForToken: (query, isWrong) => askForToken(place, query, isWrong),
      style: STYLE_SHEET,
      now: options.now,
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
  return {
    /** Undefined if there are no admin pages. */
    pages: server && { url: `http://${urlHost(admin.host)}:${server.port}/`, token },
    async close() {
      eventLoop.close();
      await server?.close();
      await pages.close();
    },
  };
}

/** @returns the stored token; undefined if it cannot be stored, and then the log says why */
function keptToken(databasePath: string, log: Log): string | undefined {
  try {
    return secretInFile(ADMIN_TOKEN, databasePath);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    log(
      'warn',
      `no admin pages: their token cannot be read or created (${problem}); deliveries are still accepted; make ${secretPath(ADMIN_TOKEN, databasePath)} readable and its folder writable, set ADMIN_TOKEN, or set ADMIN_PORT=0`,
    );
    return undefined;
  }
}
