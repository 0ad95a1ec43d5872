/** One request, with everything known about it before routing, and the progress of its answer. */

import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BodyCapture } from './guard/bodies.ts';

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
  /** What the client expects (`Expect`) before it sends the body: `100 Continue`, or something unknown. */
  readonly expects: 'nothing' | 'continue' | 'unknown';
  /** Wall clock, milliseconds. */
  readonly receivedAtMs: number;
  /** Monotonic milliseconds. */
  readonly startedMs: number;
  /** Set once the body is being read. */
  capture: BodyCapture | undefined;
  /** When the answer was handed to the socket, monotonic; it must be sent within ANSWER_WRITE_MS. */
  answeredMs: number | undefined;
  /** The status of an answer written directly to the socket, after a parse error or timeout in node:http. */
  rawStatus: number | undefined;
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
export function requestId({ headers }: IncomingMessage, isFromTrustedProxy: boolean): string {
  const sent = headers['x-request-id'];
  return isFromTrustedProxy && typeof sent === 'string' && PLAIN_ID.test(sent) ? sent : newRequestId();
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
