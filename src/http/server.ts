/**
 * The HTTP server: limits, routing, the request log and the graceful shutdown (drain). receive.ts handles the
 * deliveries.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import {
  DRAIN_CUT_MS,
  DRAIN_LOOK_MS,
  DRAIN_SILENT_MS,
  HEADERS_BYTES_MAX,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_MS,
  PIPELINING_REQUESTS_MAX,
  REQUEST_TIMEOUT_MS,
  SOCKET_IDLE_MS,
  TIMEOUT_CHECK_MS,
} from '../core/limits.ts';
import { type Answer, notFound, refuse, tooManyRequests } from './answers.ts';
import { answerChallenge } from './challenge.ts';
import { type Answered, answerClientError } from './client-error.ts';
import { HEALTH_PATH, webhookEndpoint } from './endpoints.ts';
import { type Exchange, requestId, send, splitTarget } from './exchange.ts';
import type { AddressRanges } from './guard/address-ranges.ts';
import { clientsBySocket } from './guard/client.ts';
import { limitConnections } from './guard/connections.ts';
import { answerHealth } from './health.ts';
import { type ListenPlace, listen } from './listen.ts';
import { type Door, receive } from './receive.ts';
import type { RequestLog } from './request-log.ts';
import { watchUnderWay } from './under-way.ts';

export interface HttpOptions {
  readonly door: Door;
  readonly trustedProxies: AddressRanges;
  readonly logRequest: RequestLog;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  readonly monotonicMs: () => number;
}

export interface HttpServer {
  /** Whether drain() has been called. */
  readonly isDraining: boolean;
  /** @returns the address that it listens on @throws the error of `listen`, such as EADDRINUSE */
  listen(place: ListenPlace): Promise<AddressInfo>;
  /**
   * Stops accepting connections and answers the requests in progress. Bodies still unfinished after DRAIN_CUT_MS get a
   * 503.
   * @returns when the last connection is closed
   */
  drain(): Promise<void>;
}

export function createHttpServer(options: HttpOptions): HttpServer {
  const { door, monotonicMs } = options;
  const clientOf = clientsBySocket(options.trustedProxies);
  const startedMs = monotonicMs();
  let draining = false;

  const server = createServer({
    maxHeaderSize: HEADERS_BYTES_MAX,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    insecureHTTPParser: false,
    requireHostHeader: false, // isWellFormed() checks it: node:http's answer would have no request id
    joinDuplicateHeaders: false,
    noDelay: true,
  });
  server.timeout = SOCKET_IDLE_MS;
  server.maxHeadersCount = 0; // node:http would drop headers silently; HEADERS_BYTES_MAX bounds them
  const underWay = watchUnderWay(server);
  limitConnections(server, {
    trustedProxies: options.trustedProxies,
    counters: door.counters,
    log: door.log,
    monotonicMs,
  });

  server.on('request', (request, response) => void serve(request, response, false));
  server.on('checkContinue', (request, response) => void serve(request, response, true));
  server.on('checkExpectation', (request, response) => {
    if (isCutOff(request.socket)) return;
    const exchange = open(request, response, true);
    finish(exchange, refuse('expectation_failed'));
  });
  server.on('connect', (_request, socket) => void socket.destroy());
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const onSocket = underWay.on(socket as Socket);
    const broken = onSocket.find((exchange) => !exchange.request.complete);
    const earlier = onSocket.filter((exchange) => exchange !== broken);
    const answer = () => {
      const answered = answerClientError(error, socket as Socket, broken);
      if (answered === undefined) return;
      door.counters.add(answered.code);
      if (broken === undefined) logUnreadable(answered, socket as Socket);
    };
    const last = earlier.at(-1);
    if (last === undefined) answer();
    else last.response.once('close', answer);
  });

  const sweep = setInterval(() => underWay.closeStalled(monotonicMs()), TIMEOUT_CHECK_MS);
  sweep.unref();

  async function serve(
    request: IncomingMessage,
    response: ServerResponse,
    expectsContinue: boolean,
  ): Promise<void> {
    if (isCutOff(request.socket)) return;
    const exchange = open(request, response, expectsContinue);
    let answer: Answer | undefined;
    try {
      answer = await route(exchange);
    } catch (error) {
      door.log('error', `${exchange.id} failed: ${error instanceof Error ? error.stack : String(error)}`);
      answer = refuse('internal_error');
    }
    finish(exchange, answer);
  }

  /** Logs a request that never became an exchange. */
  function logUnreadable({ id, ...result }: Answered, socket: Socket): void {
    const client = clientOf(socket, undefined);
    const startedMs = monotonicMs();
    options.logRequest({ id, path: '-', client, receivedAtMs: options.now(), startedMs }, result);
  }

  /** Under load, closes the connection of a client that pipelines. @returns whether the connection is closed */
  function isCutOff(socket: Socket): boolean {
    if (socket.destroyed) return true;
    if (underWay.size < PIPELINING_REQUESTS_MAX || underWay.on(socket).length === 0) return false;
    door.counters.add('pipelining_refused');
    socket.destroy();
    return true;
  }

  function route(exchange: Exchange): Promise<Answer | undefined> | Answer {
    const { request, path } = exchange;
    if (!isWellFormed(request)) return refuse('malformed_request', { Connection: 'close' });
    const reads = request.method === 'GET' || request.method === 'HEAD';
    if (path === HEALTH_PATH) return reads ? health() : refuse('method_not_allowed', { Allow: 'GET, HEAD' });
    const endpoint = webhookEndpoint(path);
    if (endpoint === undefined) return notFound(path);
    if (request.method === 'POST') return receive(exchange, endpoint, door);
    if (!reads) return refuse('method_not_allowed', { Allow: 'GET, HEAD, POST' });
    const place = door.limiter.take(exchange.client, exchange.startedMs);
    return place.kind === 'over' ? tooManyRequests(place.retryAfterS) : answerChallenge(exchange.query);
  }

  function health(): Answer {
    const uptimeS = (monotonicMs() - startedMs) / 1000;
    return answerHealth({ writer: door.writer, draining, nowMs: options.now(), uptimeS });
  }

  function open(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): Exchange {
    const { path, query } = splitTarget(request.url ?? '');
    const forwardedFor = request.headers['x-forwarded-for'];
    const exchange: Exchange = {
      request,
      response,
      id: requestId(request, options.trustedProxies),
      path,
      query,
      client: clientOf(request.socket, forwardedFor?.toString()),
      expectsContinue,
      receivedAtMs: options.now(),
      startedMs: monotonicMs(),
    };
    underWay.add(exchange);
    return exchange;
  }

  function finish(exchange: Exchange, answer: Answer | undefined): void {
    if (answer === undefined) {
      const status = exchange.rawStatus ?? 0;
      return options.logRequest(exchange, { status, code: status === 0 ? 'client_left' : 'broken_request' });
    }
    exchange.answeredMs = monotonicMs();
    const isSent = send(exchange, answer, draining);
    door.counters.add(answer.code);
    door.counters.addStatus(answer.status);
    if (answer.type !== undefined) door.counters.addDelivery(answer.type, answer.code);
    // The client may have left after its delivery was recorded: its retry will be a duplicate.
    const { detail } = answer;
    options.logRequest(exchange, isSent ? answer : { status: 0, code: `client_left ${answer.code}`, detail });
  }

  return {
    get isDraining() {
      return draining;
    },

    listen: (place) => listen(server, place),

    drain() {
      draining = true;
      return new Promise((resolve) => {
        let closing: NodeJS.Timeout | undefined;
        const silent = setTimeout(() => underWay.closeSilent(), DRAIN_SILENT_MS);
        const cut = setTimeout(() => {
          underWay.cutBodies();
          // Wait for deliveries still with the writer, and close the connections once no answer is due.
          closing = setInterval(() => {
            if (underWay.size === 0) server.closeAllConnections();
          }, DRAIN_LOOK_MS);
        }, DRAIN_CUT_MS);
        server.close(() => {
          clearTimeout(silent);
          clearTimeout(cut);
          clearInterval(closing);
          clearInterval(sweep);
          resolve();
        });
        server.closeIdleConnections();
      });
    },
  };
}

/** HTTP/1.1 with one Host, or HTTP/1.0 with at most one (RFC 9112, 3.2). node:http accepts two, and any version. */
function isWellFormed({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length;
  return httpVersion === '1.1' ? hosts === 1 : httpVersion === '1.0' && hosts <= 1;
}
