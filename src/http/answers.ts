/**
 * The refusals (code → status and text) and the answers to deliveries. They reveal nothing that would help a forger;
 * the code appears only in the log and the counters.
 */

import type { Recorded, Refused } from '../core/event/delivery.ts';
import { RETRY_AFTER_S } from '../core/limits.ts';
import { harmless } from '../core/logger.ts';

/** An answer ready to be sent. */
export interface Answer {
  readonly status: number;
  /** For the log and the counters. */
  readonly code: string;
  /** Additional text for the log. */
  readonly detail?: string;
  /** The event's type, if the delivery is in the log; null if it has no type. */
  readonly type?: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** The JSON members in addition to `request_id`, or plain text. */
  readonly body: Readonly<Record<string, unknown>> | string;
}

interface Refusal {
  readonly status: number;
  readonly error: string;
  readonly message?: string;
  readonly retryAfterS?: number;
}

const unauthorized = (message: string): Refusal => ({ status: 401, error: 'Unauthorized', message });
const unavailable = (message: string): Refusal => ({
  status: 503,
  error: 'Service Unavailable',
  message,
  retryAfterS: RETRY_AFTER_S,
});

/** All refusals, by code. */
export const REFUSALS = {
  missing_signature: unauthorized('Missing signature header'),
  missing_timestamp: unauthorized('Missing timestamp header'),
  invalid_signature: unauthorized('Invalid signature'),
  invalid_timestamp: unauthorized('Invalid timestamp'),
  timestamp_in_milliseconds: unauthorized('Webhook timestamp is in milliseconds, seconds expected'),
  timestamp_too_old: unauthorized('Webhook timestamp too old'),
  timestamp_in_future: unauthorized('Webhook timestamp in the future'),
  malformed_request: { status: 400, error: 'Bad Request' },
  invalid_challenge: {
    status: 400,
    error: 'Bad Request',
    message: 'challenge must be 1 to 256 printable ASCII characters',
  },
  not_found: { status: 404, error: 'Not Found' },
  method_not_allowed: { status: 405, error: 'Method Not Allowed' },
  request_timeout: { status: 408, error: 'Request Timeout' },
  body_too_large: { status: 413, error: 'Payload Too Large' },
  unsupported_encoding: {
    status: 415,
    error: 'Unsupported Media Type',
    message: 'Content-Encoding must be identity',
  },
  expectation_failed: { status: 417, error: 'Expectation Failed' },
  rate_limited: { status: 429, error: 'Too Many Requests' },
  headers_too_large: { status: 431, error: 'Request Header Fields Too Large' },
  queue_full: unavailable('Too many deliveries are waiting, send again'),
  bodies_full: unavailable('Too many bodies are being read, send again'),
  storage_busy: unavailable('Storage is busy, send again'),
  storage_full: unavailable('Storage is full, send again'),
  storage_failed: unavailable('Storage has failed, send again'),
  shutting_down: unavailable('Shutting down, send again'),
  internal_error: unavailable('Internal error, send again'),
} as const satisfies Readonly<Record<string, Refusal>>;

export type RefusalCode = keyof typeof REFUSALS;

/** @param headers in addition to those of the table */
export function refuse(code: RefusalCode, headers: Readonly<Record<string, string>> = {}): Answer {
  const { status, error, message, retryAfterS }: Refusal = REFUSALS[code];
  return {
    status,
    code,
    headers: retryAfterS === undefined ? headers : { 'Retry-After': String(retryAfterS), ...headers },
    body: message === undefined ? { error } : { error, message },
  };
}

/** 404 with the requested path. */
export function notFound(path: string): Answer {
  return { ...refuse('not_found'), body: { error: REFUSALS.not_found.error, path: harmless(path) } };
}

export function tooManyRequests(retryAfterS: number): Answer {
  return refuse('rate_limited', { 'Retry-After': String(retryAfterS) });
}

/** 200 if the delivery is in the log; 503 if it is not, or not known to be. */
export function answerOutcome(outcome: Recorded | Refused): Answer {
  if (outcome.kind === 'refused') return refuse(outcome.reason);
  const { seq, type, duplicate, error } = outcome;
  const detail = `seq ${seq} ${type === null ? '-' : harmless(type)}`;
  const members = { event: type, seq, duplicate };
  if (error !== null) {
    return {
      status: 200,
      code: 'unusable',
      detail,
      type,
      headers: {},
      body: { success: false, error, ...members },
    };
  }
  const body = { success: true, message: 'Webhook processed', ...members };
  return { status: 200, code: duplicate ? 'duplicate' : 'recorded', detail, type, headers: {}, body };
}
