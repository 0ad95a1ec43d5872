/**
 * The HTTP server: limits, routing, the request log and the graceful shutdown (drain). receive.ts handles the
 * deliveries.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import {
  BUFFERED_BODIES_BYTES_MAX,
  DRAIN_CUT_MS,
  DRAIN_LOOK_MS,
  DRAIN_SILENT_MS,
  KEEP_ALIVE_MS,
  REPEATED_WARNING_MS,
  SOCKET_IDLE_MS,
  TIMEOUT_CHECK_MS,
} from '../core/limits.ts';
import { throttle } from '../core/throttle.ts';
import { type Answer, notFound, type RefusalCode, refuse, tooManyRequests } from './answers.ts';
import { watchConnections } from './connections.ts';
import { answerChallenge, HEALTH_PATH, webhookEndpoint } from './endpoints.ts';
import { type Exchange, newRequestId, requestId, splitTarget } from './exchange.ts';
import { type AddressRanges, clientAddress } from './guard/address-ranges.ts';
import { Bodies } from './guard/bodies.ts';
import { createRateLimiter } from './guard/rate-limiter.ts';
import { answerHealth } from './health.ts';
import { type ListenPlace, listen, REQUEST_LIMITS } from './listen.ts';
import { type ReceiveOptions, receive } from './receive.ts';
import { createRequestLog, type RequestLogOptions } from './request-log.ts';
import { send, sendRaw } from './send.ts';

export interface HttpOptions
  extends Omit<ReceiveOptions, 'limiter' | 'bodies' | 'mayWarnOfClock'>,
    RequestLogOptions {
  readonly rateLimitMax: number;
  readonly rateLimitWindowMs: number;
  readonly trustedProxies: AddressRanges;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
}

export type HttpServer = ReturnType<typeof createHttpServer>;

/** How to refuse what node:http cannot parse or what takes too long; anything else is malformed. */
const CLIENT_ERRORS: Readonly<Record<string, RefusalCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

export function createHttpServer(options: HttpOptions) {
  const { writer, counters, trustedProxies, now, monotonicMs } = options;
  const logRequest = createRequestLog(options);
  const limiter = createRateLimiter(options.rateLimitMax, options.rateLimitWindowMs);
  const receiveOptions: ReceiveOptions = {
    ...options,
    limiter,
    bodies: new Bodies(BUFFERED_BODIES_BYTES_MAX),
    mayWarnOfClock: throttle(1, REPEATED_WARNING_MS, monotonicMs),
  };
  const startedMs = monotonicMs();
  let isDraining = false;

  const server = createServer({
    ...REQUEST_LIMITS,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    insecureHTTPParser: false,
    requireHostHeader: false, // isWellFormed() checks it: node:http's answer would have no request id
    joinDuplicateHeaders: false,
    noDelay: true,
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
    const { isFromTrustedProxy } = connection;
    const forwardedFor = request.headers['x-forwarded-for']?.toString();
    const exchange: Exchange = {
      request,
      response,
      id: requestId(request, isFromTrustedProxy),
      ...splitTarget(request.url ?? ''),
      client:
        isFromTrustedProxy && forwardedFor !== undefined
          ? clientAddress(request.socket.remoteAddress, forwardedFor, trustedProxies)
          : connection.client,
      expects,
      receivedAtMs: now(),
      startedMs: monotonicMs(),
      capture: undefined,
      answeredMs: undefined,
      rawStatus: undefined,
    };
    connections.add(connection, exchange);
    let answer: Answer | undefined;
    try {
      answer = await route(exchange);
    } catch (error) {
      const text = error instanceof Error ? error.stack : String(error);
      options.log('error', `${exchange.id} failed: ${text}`);
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
    if (request.method === 'POST') return receive(exchange, endpoint, receiveOptions);
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
      const id = broken?.id ?? newRequestId();
      sendRaw(socket, refusal, id);
      counters.add(refusal.code);
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
    listen: (place: ListenPlace) => listen(server, place),

    /**
     * Stops accepting connections and answers the requests in progress. Bodies still unfinished after DRAIN_CUT_MS get
     * a 503.
     * @returns when the last connection is closed
     */
    async drain(): Promise<void> {
      isDraining = true;
      const closed = once(server, 'close');
      server.close();
      const silent = setTimeout(connections.closeSilent, DRAIN_SILENT_MS);
      let closing: NodeJS.Timeout | undefined;
      const cut = setTimeout(() => {
        connections.cutBodies();
        // Wait for deliveries still with the writer, and close the connections once no answer is due.
        closing = setInterval(() => {
          if (connections.isIdle) server.closeAllConnections();
        }, DRAIN_LOOK_MS);
      }, DRAIN_CUT_MS);
      await closed;
      for (const timer of [silent, cut, closing, sweep]) clearTimeout(timer);
    },
  };
}

/** HTTP/1.1 with one Host, or HTTP/1.0 with at most one (RFC 9112, 3.2). node:http accepts two, and any version. */
function isWellFormed({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length;
  return httpVersion === '1.1' ? hosts === 1 : httpVersion === '1.0' && hosts <= 1;
}
