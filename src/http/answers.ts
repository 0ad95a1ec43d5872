/**
 * The refusals (code → status and text) and the answers to deliveries. They reveal nothing that would help a forger;
 * the code appears only in the log and the counters.
 */

import { STATUS_CODES } from 'node:http';
import type { Outcome } from '../core/event/delivery.ts';
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
  readonly headers?: Readonly<Record<string, string>>;
  /** The JSON members in addition to `request_id`, or plain text. */
  readonly body: Readonly<Record<string, unknown>> | string;
}

interface Refusal {
  readonly status: number;
  readonly message?: string;
}

/** All refusals, by code. The standard text of the status is their `error`. */
export const REFUSALS = {
  missing_signature: { status: 401, message: 'Missing signature header' },
  missing_timestamp: { status: 401, message: 'Missing timestamp header' },
  invalid_signature: { status: 401, message: 'Invalid signature' },
  invalid_timestamp: { status: 401, message: 'Invalid timestamp' },
  timestamp_in_milliseconds: {
    status: 401,
    message: 'Webhook timestamp is in milliseconds, seconds expected',
  },
  timestamp_too_old: { status: 401, message: 'Webhook timestamp too old' },
  timestamp_in_future: { status: 401, message: 'Webhook timestamp in the future' },
  malformed_request: { status: 400 },
  invalid_challenge: { status: 400, message: 'challenge must be 1 to 256 printable ASCII characters' },
  not_found: { status: 404 },
  method_not_allowed: { status: 405 },
  request_timeout: { status: 408 },
  body_too_large: { status: 413 },
  unsupported_encoding: { status: 415, message: 'Content-Encoding must be identity' },
  expectation_failed: { status: 417 },
  rate_limited: { status: 429 },
  headers_too_large: { status: 431 },
  queue_full: { status: 503, message: 'Too many deliveries are waiting, send again' },
  bodies_full: { status: 503, message: 'Too many bodies are being read, send again' },
  storage_busy: { status: 503, message: 'Storage is busy, send again' },
  storage_full: { status: 503, message: 'Storage is full, send again' },
  storage_failed: { status: 503, message: 'Storage has failed, send again' },
  shutting_down: { status: 503, message: 'Shutting down, send again' },
  internal_error: { status: 503, message: 'Internal error, send again' },
} as const satisfies Readonly<Record<string, Refusal>>;

export type RefusalCode = keyof typeof REFUSALS;

/** @param headers in addition to the `Retry-After` of a 503 */
export function refuse(code: RefusalCode, headers: Answer['headers'] = {}): Answer {
  const { status, message }: Refusal = REFUSALS[code];
  return {
    status,
    code,
    headers: status === 503 ? { 'Retry-After': String(RETRY_AFTER_S), ...headers } : headers,
    body: { error: STATUS_CODES[status], message },
  };
}

/** 404 with the requested path. */
export function notFound(path: string): Answer {
  return { ...refuse('not_found'), body: { error: STATUS_CODES[404], path: harmless(path) } };
}

export function tooManyRequests(retryAfterS: number): Answer {
  return refuse('rate_limited', { 'Retry-After': String(retryAfterS) });
}

/** 200 if the delivery is in the log; 503 if it is not, or not known to be. */
export function answerOutcome(outcome: Outcome): Answer {
  if (outcome.kind === 'refused') return refuse(outcome.reason);
  const { seq, type, duplicate, error, warnings } = outcome;
  const result = error === null ? { success: true, message: 'Webhook processed' } : { success: false, error };
  const leftOut = warnings.length === 0 ? '' : `, values left out: ${warnings.length}`;
  return {
    status: 200,
    code: error !== null ? 'unusable' : duplicate ? 'duplicate' : 'recorded',
    detail: `seq ${seq} ${type === null ? '-' : harmless(type)}${leftOut}`,
    type,
    body: { ...result, event: type, seq, duplicate, ...(warnings.length > 0 && { warnings }) },
  };
}
