/**
 * The admin part of a running receiver: the listener, its token and the pages thread. The receiver runs without it if
 * the port is in use, usually by another process on the same log, or if the token cannot be stored.
 */

import type { Config } from './config/config.ts';
import { ADMIN_TOKEN, secretInFile, secretPath } from './config/secret-file.ts';
import { errorText } from './core/engine-error.ts';
import { watchEventLoop } from './core/metrics/event-loop-delay.ts';
import type { ProcessState } from './core/metrics/process-state.ts';
import { type AdminOptions, openAdmin } from './http/admin/admin.ts';
import { urlHost } from './http/listen.ts';
import { askForToken, STYLE_SHEET } from './pages/entrance.ts';
import { keepPages } from './threads/keep-pages.ts';

export interface KeepAdminOptions
  extends Pick<Config, 'admin' | 'databasePath'>,
    Pick<AdminOptions, 'sizes' | 'log' | 'now'> {
  readonly processState: () => Omit<ProcessState, 'eventLoopDelay'>;
}

/** How to open the admin pages. */
export interface AdminPages {
  readonly url: string;
  /** Gives access to everything; must not be logged. */
  readonly token: string;
}

/** @returns when it listens or has failed to; `pages` is undefined if there are no admin pages */
export async function keepAdmin(options: KeepAdminOptions) {
  const { admin, databasePath, log } = options;
  const withoutPages = { pages: undefined, close: async () => {} };
  const giveUp = (problem: string, remedy: string) => {
    log('warn', `no admin pages: ${problem}; deliveries are still accepted; ${remedy}`);
    return withoutPages;
  };
  if (admin.port === 0) return withoutPages;
  let token: string;
  try {
    token = admin.token ?? secretInFile(ADMIN_TOKEN, databasePath);
  } catch (error) {
    return giveUp(
      `their token cannot be read or created (${errorText(error)})`,
      `make ${secretPath(ADMIN_TOKEN, databasePath)} readable and its folder writable, set ADMIN_TOKEN, or set ADMIN_PORT=0`,
    );
  }
  const place =
    admin.token === undefined
      ? `in the file ${ADMIN_TOKEN.name} next to the database`
      : 'the value of ADMIN_TOKEN';
  const eventLoop = watchEventLoop();
  const processState = () => ({ ...options.processState(), eventLoopDelay: eventLoop.read() });
  const pages = keepPages(databasePath, processState, log);
  try {
    const server = await openAdmin({
      ...options,
      ...admin,
      token,
      processState,
      page: pages.make,
      askForToken: (query, isWrong) => askForToken(place, query, isWrong),
      style: STYLE_SHEET,
    });
    return {
      pages: { url: `http://${urlHost(admin.host)}:${server.port}/`, token } satisfies AdminPages,
      async close() {
        eventLoop.close();
        await server.close();
        await pages.close();
      },
    };
  } catch (error) {
    eventLoop.close();
    const { code, message } = error as NodeJS.ErrnoException;
    const problem = code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be opened (${message})`;
    return giveUp(
      `ADMIN_HOST=${admin.host}, ADMIN_PORT=${admin.port} ${problem}`,
      'set another ADMIN_PORT, or 0',
    );
  }
}
