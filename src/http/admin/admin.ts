/**
 * The admin listener, a separate server from the public one. It answers metrics and readiness to anybody. Pages need
 * the token and are made elsewhere. It accepts only GET and HEAD, so nothing can be changed through it.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Sizes } from '../../core/engine/engine.ts';
import { ADMIN_CONNECTIONS_MAX } from '../../core/limits.ts';
import type { Log } from '../../core/logger.ts';
import type { ProcessState } from '../../core/metrics/process-state.ts';
import { PAGE_FAILED, type Page, textPage } from '../../core/page.ts';
import { splitTarget } from '../exchange.ts';
import { listen, REQUEST_LIMITS } from '../listen.ts';
import { type AdminAccess, createAdminAccess } from './admin-access.ts';
import { metricsText } from './metrics-text.ts';

export interface AdminOptions {
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  readonly token: string;
  readonly processState: () => ProcessState;
  readonly sizes: () => Promise<Sizes>;
  /** Never rejects. @param path without query */
  readonly page: (path: string, query: string) => Promise<Page>;
  /** The page that asks for the token. @param isWrong whether a wrong token was given */
  readonly askForToken: (query: string, isWrong: boolean) => Page;
  /** The style sheet, which needs no token. */
  readonly style: Page;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** @throws the error of `listen`, such as EADDRINUSE */
export async function openAdmin(options: AdminOptions) {
  const server = createServer(REQUEST_LIMITS);
  server.maxConnections = ADMIN_CONNECTIONS_MAX;
  // Only these two: the descriptor of a held socket, which is the public one, may be among the options of a caller.
  const { port } = await listen(server, { host: options.host, port: options.port });
  const access = createAdminAccess(options.token, port);

  /** An error here only fails the page. It must not stop the receiver. */
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      write(request, response, await answer(request, access, options));
    } catch (error) {
      options.log('error', `an admin page failed: ${error instanceof Error ? error.stack : String(error)}`);
      if (response.headersSent) response.destroy();
      else write(request, response, PAGE_FAILED);
    }
  }
  server.on('request', (request, response) => void serve(request, response));

  return {
    port,
    /** Closes all connections, even during requests. */
    async close(): Promise<void> {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  { method, url, headers }: IncomingMessage,
  access: AdminAccess,
  options: AdminOptions,
): Promise<Page> {
  const { path, query } = splitTarget(url ?? '');
  if (method !== 'GET' && method !== 'HEAD')
    return { ...textPage(405, 'Only GET is allowed.'), headers: { Allow: 'GET, HEAD' } };
  if (path === '/ready') return ready(options.processState());
  if (path === '/metrics') {
    const body = metricsText(options.processState(), await options.sizes(), process.memoryUsage.rss());
    return { status: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8', body };
  }
  if (path === '/style.css') return options.style;
  const given = new URLSearchParams(query).get('token')?.trim();
  if (given !== undefined && access.isToken(given)) return entered(path, query, access.cookie(options.now()));
  if (given !== undefined || !access.isGranted(headers, options.now()))
    return options.askForToken(query, given !== undefined);
  return options.page(path, query);
}

/** A path that stays on this host in every browser. Browsers treat `//name` and `/\name` as another host. */
const LOCAL_PATH = /^\/(?!\/)[\w./~%!$&'()*+,;=:@-]*$/;

/** Redirects from an address with the token to the same address without it, and sets the cookie. */
function entered(path: string, query: string, cookie: string): Page {
  const kept = new URLSearchParams(query);
  kept.delete('token');
  const target = LOCAL_PATH.test(path) ? path : '/';
  const location = kept.size === 0 ? target : `${target}?${kept}`;
  return { ...textPage(303, 'See the page itself.'), headers: { Location: location, 'Set-Cookie': cookie } };
}

/** Whether deliveries are accepted now. */
function ready({ isDraining, storage }: ProcessState): Page {
  if (isDraining) return textPage(503, 'shutting down');
  return storage === 'ok' ? textPage(200, 'ready') : textPage(503, `storage ${storage}`);
}

function write({ method }: IncomingMessage, response: ServerResponse, page: Page): void {
  const { status, contentType, body, headers = {} } = page;
  response.writeHead(status, {
    ...HEADERS,
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(method === 'HEAD' ? undefined : body);
}
