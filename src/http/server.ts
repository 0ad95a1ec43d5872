/**
 * The HTTP server: limits, routing, the request log and the graceful shutdown (drain). receive.ts handles the
 * deliveries.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import {
  DRAIN_CUT_MS,
  DRAIN_POLL_MS,
  DRAIN_SILENT_MS,
  KEEP_ALIVE_MS,
  SOCKET_IDLE_MS,
  TIMEOUT_CHECK_MS,
} from '../core/limits.ts';
import { type Answer, notFound, type RefusalCode, refuse, tooManyRequests } from './answers.ts';
import { valuesOf } from './claim.ts';
import { watchConnections } from './connections.ts';
import { answerChallenge, answerHealth, HEALTH_PATH, webhookEndpoint } from './endpoints.ts';
import { type Exchange, openExchange, requestId, send, sendRaw } from './exchange.ts';
import { createRateLimiter } from './guard/rate-limiter.ts';
import { type ListenOptions, listen, REQUEST_LIMITS } from './listen.ts';
import type { HttpOptions } from './options.ts';
import { createReceive } from './receive.ts';
import { createRequestLog } from './request-log.ts';

/** How to refuse what node:http cannot parse or what takes too long; anything else is malformed. */
const CLIENT_ERRORS: Readonly<Record<string, RefusalCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

export function createHttpServer(options: HttpOptions) {
  const { writer, counters, log, now, monotonicMs } = options;
  const logRequest = createRequestLog(options);
  const limiter = createRateLimiter(options.rateLimitMax, options.rateLimitWindowMs);
  const receive = createReceive(options, limiter);
  const startedMs = monotonicMs();
  let isDraining = false;

  const server = createServer({
    ...REQUEST_LIMITS,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    insecureHTTPParser: false,
    requireHostHeader: false, // isWellFormed() checks it: node:http's answer would have no request id
  });
  server.timeout = SOCKET_IDLE_MS;
  server.maxHeadersCount = 0; // node:http would drop headers silently; HEADERS_BYTES_MAX bounds them
  const connections = watchConnections(server, options);
  const sweep = setInterval(connections.closeStalled, TIMEOUT_CHECK_MS).unref();

  server.on('request', (request, response) => void serve(request, response, 'nothing'));
  server.on('checkContinue', (request, response) => void serve(request, response, 'continue'));
  server.on('checkExpectation', (request, response) => void serve(request, response, 'unknown'));
  server.on('connect', (_request, socket) => void socket.destroy());
  server.on('clientError', (error, socket) => answerClientError(error, socket as Socket));

  async function serve(
    request: IncomingMessage,
    response: ServerResponse,
    expects: Exchange['expects'],
  ): Promise<void> {
    const connection = connections.ofRequest(request.socket);
    if (connection === undefined) return;
    const exchange = openExchange(request, response, expects, connection, options);
    connections.add(connection, exchange);
    let answer: Answer | undefined;
    try {
      answer = await route(exchange);
    } catch (error) {
      log('error', `${exchange.id} failed: ${error instanceof Error ? error.stack : String(error)}`);
      answer = refuse('internal_error');
    }
    finish(exchange, answer);
  }

  function route(exchange: Exchange): Promise<Answer | undefined> | Answer {
    const { request, path } = exchange;
    if (exchange.expects === 'unknown') return refuse('expectation_failed');
    if (!isWellFormed(request)) return refuse('malformed_request', { Connection: 'close' });
    const reads = request.method === 'GET' || request.method === 'HEAD';
    if (path === HEALTH_PATH) {
      if (!reads) return refuse('method_not_allowed', { Allow: 'GET, HEAD' });
      return answerHealth(writer, isDraining, now(), (monotonicMs() - startedMs) / 1000);
    }
    const endpoint = webhookEndpoint(path);
    if (endpoint === undefined) return notFound(path);
    if (request.method === 'POST') return receive(exchange, endpoint);
    if (!reads) return refuse('method_not_allowed', { Allow: 'GET, HEAD, POST' });
    const decision = limiter.take(exchange.client, exchange.startedMs);
    return decision.kind === 'over' ? tooManyRequests(decision.retryAfterS) : answerChallenge(exchange.query);
  }

  function finish(exchange: Exchange, answer: Answer | undefined): void {
    if (answer === undefined) {
      const status = exchange.rawStatus ?? 0;
      return logRequest(exchange, { status, code: status === 0 ? 'client_left' : 'broken_request' });
    }
    exchange.answeredMs = monotonicMs();
    const isSent = send(exchange, answer, isDraining);
    counters.addAnswer(answer);
    // The client may have left after its delivery was recorded: its retry will be a duplicate.
    logRequest(exchange, isSent ? answer : { ...answer, status: 0, code: `client_left ${answer.code}` });
  }

  /**
   * Answers a request that node:http cannot parse or that takes too long, with a request id like every answer. Earlier
   * valid requests on the same connection are answered first.
   */
  function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = connections.of(socket);
    if (connection === undefined) return void socket.destroy();
    const { client, exchanges } = connection;
    const broken = exchanges.find(({ request }) => !request.complete);
    const answer = () => {
      if (error.code === 'ECONNRESET' || !socket.writable || broken?.response.headersSent)
        return void socket.destroy();
      const refusal = refuse(CLIENT_ERRORS[error.code ?? ''] ?? 'malformed_request');
      const id = broken?.id ?? requestId();
      sendRaw(socket, refusal, id);
      counters.addAnswer(refusal);
      if (broken !== undefined) broken.rawStatus = refusal.status;
      else logRequest({ id, path: '-', client, receivedAtMs: now(), startedMs: monotonicMs() }, refusal);
    };
    const earlier = exchanges.findLast((exchange) => exchange !== broken);
    if (earlier === undefined) answer();
    else earlier.response.once('close', answer);
  }

  return {
    /** Whether drain() has been called. */
    get isDraining(): boolean {
      return isDraining;
    },

    /** @returns the address that it listens on @throws the error of `listen`, such as EADDRINUSE */
    listen: (listenOptions: ListenOptions) => listen(server, listenOptions),

    /**
     * Stops accepting connections and answers the requests in progress. Bodies still unfinished after DRAIN_CUT_MS get
     * a 503.
     * @returns when the last connection is closed
     */
    async drain(): Promise<void> {
      isDraining = true;
      const closed = once(server, 'close').then(() => true);
      const isClosedWithin = (ms: number) => Promise.race([closed, setTimeout(ms, false, { ref: false })]);
      server.close();
      if (!(await isClosedWithin(DRAIN_SILENT_MS))) connections.closeSilent();
      if (!(await isClosedWithin(DRAIN_CUT_MS - DRAIN_SILENT_MS))) connections.cutBodies();
      // Wait for deliveries still with the writer, and close the connections once no answer is due.
      while (!(await isClosedWithin(DRAIN_POLL_MS))) if (connections.isIdle) server.closeAllConnections();
      clearInterval(sweep);
    },
  };
}

/** HTTP/1.1 with one Host, or HTTP/1.0 with at most one (RFC 9112, 3.2). node:http accepts two, and any version. */
function isWellFormed({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  const hosts = valuesOf(rawHeaders, 'host').length;
  return httpVersion === '1.1' ? hosts === 1 : httpVersion === '1.0' && hosts <= 1;
}
