/** One request, with everything known about it before routing. */

import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

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

const TRUSTED_ID = /^[A-Za-z0-9._-]{1,64}$/;
const PREFIX = `req-${randomBytes(4).toString('hex')}-`;
let counter = 0;

/** A new id, unique across restarts. */
export function newRequestId(): string {
  counter += 1;
  return PREFIX + counter.toString(36);
}

/** Keeps a proxy's request id if it is plain text, so that both logs can be matched. Replaces any other value. */
export function requestId(sent: string | string[] | undefined): string {
  return typeof sent === 'string' && TRUSTED_ID.test(sent) ? sent : newRequestId();
}

/** @param url the request target; only the origin form can match one of our paths */
export function splitTarget(url: string): { path: string; query: string } {
  const mark = url.indexOf('?');
  const whole = mark === -1 ? url : url.slice(0, mark);
  const path = whole.length > 1 && whole.endsWith('/') ? whole.slice(0, -1) : whole;
  return { path, query: mark === -1 ? '' : url.slice(mark + 1) };
}

/** Whether a request has or may have a body, whose end must be awaited. */
export function mayHaveBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return encoding !== undefined || (length !== undefined && length !== '0');
}
