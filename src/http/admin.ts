/**
 * The admin listener: a separate server, not on the public port. It answers metrics and readiness itself; pages are
 * made elsewhere. Only GET and HEAD are allowed, so nothing can be changed through it.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  ADMIN_CONNECTIONS_MAX,
  HEADERS_BYTES_MAX,
  HEADERS_TIMEOUT_MS,
  REQUEST_TIMEOUT_MS,
} from '../core/limits.ts';
import type { Log } from '../core/logger.ts';
import type { Page } from '../core/page.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { accessOf } from './admin-access.ts';
import { splitTarget } from './exchange.ts';
import { listen } from './listen.ts';
import { type FileSizes, metricsText } from './metrics-text.ts';

export interface AdminOptions {
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  /** Undefined if none is required; `host` must then be a loopback address. */
  readonly token: string | undefined;
  readonly snapshot: () => Snapshot;
  readonly fileSizes: () => FileSizes;
  /** Never rejects. @param path without query */
  readonly page: (path: string, query: string) => Promise<Page>;
  readonly log: Log;
}

export interface AdminServer {
  readonly port: number;
  /** Closes all connections, even during requests. */
  close(): Promise<void>;
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
export async function openAdmin(options: AdminOptions): Promise<AdminServer> {
  const server = createServer(
    {
      maxHeaderSize: HEADERS_BYTES_MAX,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
    },
    (request, response) => void serve(request, response, options),
  );
  server.maxConnections = ADMIN_CONNECTIONS_MAX;
  const { port } = await listen(server, { host: options.host, port: options.port });
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** An error here only fails the page. It must not stop the receiver. */
async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: AdminOptions,
): Promise<void> {
  try {
    write(request, response, await answer(request, options));
  } catch (error) {
    options.log('error', `an admin page failed: ${error instanceof Error ? error.stack : String(error)}`);
    if (response.headersSent) response.destroy();
    else write(request, response, text(500, 'This page failed; see the log for the reason.'));
  }
}

async function answer({ method, url, headers }: IncomingMessage, options: AdminOptions): Promise<Page> {
  const { path, query } = splitTarget(url ?? '');
  if (method !== 'GET' && method !== 'HEAD')
    return { ...text(405, 'Only GET is allowed.'), headers: { Allow: 'GET, HEAD' } };
  if (path === '/ready') return ready(options.snapshot());
  const access = accessOf(headers, options.token, options.host);
  if (access === 'unauthorized') {
    return {
      ...text(401, 'The token is missing or wrong: send ADMIN_TOKEN as the password, with any user name.'),
      headers: { 'WWW-Authenticate': 'Basic realm="IRISX webhook receiver", charset="UTF-8"' },
    };
  }
  if (access === 'foreign-name')
    return text(403, 'Without ADMIN_TOKEN these pages are available only at http://localhost.');
  if (path === '/metrics') {
    const body = metricsText(options.snapshot(), options.fileSizes(), process.memoryUsage.rss());
    return { status: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8', body };
  }
  return options.page(path, query);
}

/** Whether deliveries are currently accepted. */
function ready({ isDraining, storage }: Snapshot): Page {
  if (isDraining) return text(503, 'shutting down');
  return storage === 'ok' ? text(200, 'ready') : text(503, `storage ${storage}`);
}

function text(status: number, line: string): Page {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${line}\n` };
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
