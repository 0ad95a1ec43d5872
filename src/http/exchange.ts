/** One request, with everything known about it before routing, and its answer. */

import { randomBytes } from 'node:crypto';
import { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { LINGER_MS } from '../core/limits.ts';
import type { Answer } from './answers.ts';
import type { Connection } from './connections.ts';
import { clientAddress } from './guard/address-ranges.ts';
import type { BodyCapture } from './guard/bodies.ts';
import type { HttpOptions } from './options.ts';

export type Exchange = ReturnType<typeof openExchange>;

/** @param expects what the client expects before it sends the body: `100 Continue`, or something unknown */
export function openExchange(
  request: IncomingMessage,
  response: ServerResponse,
  expects: 'nothing' | 'continue' | 'unknown',
  connection: Connection,
  { trustedProxies, now, monotonicMs }: HttpOptions,
) {
  const forwarded: IncomingHttpHeaders = connection.isFromTrustedProxy ? request.headers : {};
  const forwardedFor = forwarded['x-forwarded-for']?.toString();
  const { remoteAddress } = request.socket;
  return {
    request,
    response,
    expects,
    /** For `X-Request-Id`, `request_id` and the log. */
    id: requestId(forwarded['x-request-id']),
    ...splitTarget(request.url ?? ''),
    /** The client that the rate limiter counts. */
    client:
      forwardedFor === undefined
        ? connection.client
        : clientAddress(remoteAddress, forwardedFor, trustedProxies),
    /** Wall clock, milliseconds. */
    receivedAtMs: now(),
    /** Monotonic milliseconds. */
    startedMs: monotonicMs(),
    /** Set while the body is being read or processed. */
    capture: undefined as BodyCapture | undefined,
    /** When the answer was handed to the socket, monotonic; it must be sent within ANSWER_WRITE_MS. */
    answeredMs: undefined as number | undefined,
    /** The status of an answer written directly to the socket, after a parse error or timeout in node:http. */
    rawStatus: undefined as number | undefined,
  };
}

const PLAIN_ID = /^[A-Za-z0-9._-]{1,64}$/;
const PREFIX = `req-${randomBytes(4).toString('hex')}-`;
let counter = 0;

/**
 * @param sent by a trusted proxy
 * @returns that id, if it is plain, so that its log and ours have the same id; otherwise a new one, unique across
 *   restarts
 */
export function requestId(sent?: string | string[]): string {
  if (typeof sent === 'string' && PLAIN_ID.test(sent)) return sent;
  counter += 1;
  return PREFIX + counter.toString(36);
}

/** The scheme and authority of an absolute target: with a host, without a user name. */
const ORIGIN = /^https?:\/\/(?:[\w.~!$&'()*+,;=%-]+|\[[\da-f:.]+\])(?::\d*)?(?=[/?]|$)/i;

/**
 * @param target in origin form (`/path`) or in absolute form (`http://host/path`), of which only the path counts
 *   (RFC 9112, 3.2.2). A target of any other form is used as the path, and matches no endpoint.
 * @returns the path without one trailing slash; the query without the `?`, or empty
 */
export function splitTarget(target: string): { path: string; query: string } {
  const origin = target.startsWith('/') ? undefined : ORIGIN.exec(target)?.[0];
  const url = origin === undefined ? target : target.slice(origin.length);
  const mark = url.indexOf('?');
  const whole = (mark === -1 ? url : url.slice(0, mark)) || '/';
  const path = whole.length > 1 && whole.endsWith('/') ? whole.slice(0, -1) : whole;
  return { path, query: mark === -1 ? '' : url.slice(mark + 1) };
}

/**
 * Sends the answer. If the request is not fully read yet, the answer still arrives before the connection closes.
 * @param closes whether to close the connection in any case (shutdown)
 * @returns whether it was handed to the socket (lingering may take up to LINGER_MS more); false if the client is gone
 */
export function send(exchange: Exchange, answer: Answer, closes: boolean): boolean {
  const { request, response } = exchange;
  if (response.headersSent || response.destroyed || request.socket.destroyed) return false;
  const text = textOf(answer, exchange.id);
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
  const isRead = request.complete || (length === '0' && encoding === undefined); // or there is no body

  const headers = [
    'Content-Type',
    typeof answer.body === 'string' ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8',
    'Content-Length',
    String(Buffer.byteLength(text)),
    'X-Request-Id',
    exchange.id,
  ];
  if (closes || !isRead) headers.push('Connection', 'close');
  for (const name in answer.headers) headers.push(name, answer.headers[name] ?? '');
  response.writeHead(answer.status, headers);
  if (request.method === 'HEAD') response.end();
  else if (isRead || closes) response.end(text);
  else {
    response.write(text);
    linger(exchange);
  }
  return true;
}

/** Answers, without a response of node:http, a request that it cannot parse, and closes the connection. */
export function sendRaw(socket: Socket, answer: Answer, id: string): void {
  const text = textOf(answer, id);
  socket.end(
    [
      `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}`,
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(text)}`,
      `X-Request-Id: ${id}`,
      'Connection: close',
      '',
      text,
    ].join('\r\n'),
    () => socket.destroySoon(),
  );
}

function textOf({ body }: Answer, id: string): string {
  return typeof body === 'string' ? body : JSON.stringify({ ...body, request_id: id });
}

/**
 * Reads and drops the rest of the request, so that a client that is still sending gets its answer instead of a reset.
 * Then ends the answer, which makes node:http close the connection.
 */
function linger({ request, response }: Exchange): void {
  const end = () => {
    clearTimeout(timer);
    request.off('end', end).off('close', end);
    response.end();
  };
  const timer = setTimeout(end, LINGER_MS);
  request.on('end', end).on('close', end).on('error', end);
  request.resume();
}
