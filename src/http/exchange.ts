/** One request, with everything known about it before routing, and its answer. */

import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LINGER_MS } from '../core/limits.ts';
import type { Answer } from './answers.ts';
import { type AddressRanges, normalAddress } from './guard/address-ranges.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** For `X-Request-Id`, `request_id` and the log. */
  readonly id: string;
  /** Without query and without one trailing slash. */
  readonly path: string;
  /** The text after the `?`, or empty. */
  readonly query: string;
  /** The client that the rate limiter counts. */
  readonly client: string;
  /** Whether the client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  /** Wall clock, milliseconds. */
  readonly receivedAtMs: number;
  /** Monotonic milliseconds. */
  readonly startedMs: number;
  /** Stops reading the body; set only while the body is being read. */
  cut?: () => void;
  /** When the answer was handed to the socket, monotonic; it must be sent within ANSWER_WRITE_MS. */
  answeredMs?: number;
  /** The status of an answer written directly to the socket, after a parse error or timeout in node:http. */
  rawStatus?: number;
}

const PLAIN_ID = /^[A-Za-z0-9._-]{1,64}$/;
const PREFIX = `req-${randomBytes(4).toString('hex')}-`;
let counter = 0;

/** A new id, unique across restarts. */
export function newRequestId(): string {
  counter += 1;
  return PREFIX + counter.toString(36);
}

/** The id sent by a trusted proxy, if it is plain, so that its log and ours have the same id; otherwise a new one. */
export function requestId({ headers, socket }: IncomingMessage, trustedProxies: AddressRanges): string {
  const sent = headers['x-request-id'];
  if (typeof sent !== 'string' || !PLAIN_ID.test(sent)) return newRequestId();
  const peer = normalAddress(socket.remoteAddress ?? '');
  return peer !== undefined && trustedProxies.has(peer) ? sent : newRequestId();
}

/** The scheme and authority of an absolute target: with a host, without a user name. */
const ORIGIN = /^https?:\/\/(?:[\w.~!$&'()*+,;=%-]+|\[[\da-f:.]+\])(?::\d*)?(?=[/?]|$)/i;

/**
 * @param target in origin form (`/path`) or in absolute form (`http://host/path`), of which only the path counts
 *   (RFC 9112, 3.2.2). A target of any other form is used as the path, and matches no endpoint.
 */
export function splitTarget(target: string): { path: string; query: string } {
  const origin = target.startsWith('/') ? undefined : ORIGIN.exec(target)?.[0];
  const url = origin === undefined ? target : target.slice(origin.length);
  const mark = url.indexOf('?');
  const whole = (mark === -1 ? url : url.slice(0, mark)) || '/';
  const path = whole.length > 1 && whole.endsWith('/') ? whole.slice(0, -1) : whole;
  return { path, query: mark === -1 ? '' : url.slice(mark + 1) };
}

/** Whether a request has or may have a body, whose end must be awaited. */
export function mayHaveBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return encoding !== undefined || (length !== undefined && length !== '0');
}

/**
 * Sends the answer. If the request is not fully read yet, the answer still arrives before the connection closes.
 * @param closes whether to close the connection in any case (shutdown)
 * @returns whether it was handed to the socket (lingering may take up to LINGER_MS more); false if the client is gone
 */
export function send(exchange: Exchange, answer: Answer, closes: boolean): boolean {
  const { request, response } = exchange;
  if (response.headersSent || response.destroyed || request.socket.destroyed) return false;
  const { body } = answer;
  const isText = typeof body === 'string';
  const text = isText ? body : JSON.stringify({ ...body, request_id: exchange.id });
  const isRead = request.complete || !mayHaveBody(request);

  const headers = [
    'Content-Type',
    isText ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8',
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
