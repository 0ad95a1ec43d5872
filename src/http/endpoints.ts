/** The served paths, the event families of each webhook path, and the answers to `GET`. */

import { CHALLENGE_CHARS_MAX } from '../core/limits.ts';
import type { Writer } from '../core/writer/writer.ts';
import { type Answer, refuse } from './answers.ts';

export interface WebhookEndpoint {
  readonly path: string;
  /** Undefined means all. A delivery of another family is recorded anyway, with a warning. */
  readonly families?: readonly string[];
  readonly receives: string;
}

export const HEALTH_PATH = '/health';

const WEBHOOK_ENDPOINTS: readonly WebhookEndpoint[] = [
  { path: '/webhooks', receives: 'all events' },
  {
    path: '/webhooks/calls',
    families: ['call', 'recording', 'transcription'],
    receives: 'call and recording events',
  },
  { path: '/webhooks/sms', families: ['sms', 'mms'], receives: 'SMS and MMS events' },
];

/** @param path as returned by splitTarget() */
export function webhookEndpoint(path: string): WebhookEndpoint | undefined {
  return WEBHOOK_ENDPOINTS.find((endpoint) => endpoint.path === path);
}

const PRINTABLE_ASCII = /^[\x20-\x7e]+$/;

/**
 * `GET` on a webhook path: answers the sender's check of the URL, or lists the endpoints.
 * @param query the request's query, without the `?`
 */
export function answerChallenge(query: string): Answer {
  const challenge = new URLSearchParams(query).get('challenge');
  if (challenge === null) {
    const endpoints = [
      ...WEBHOOK_ENDPOINTS.map(({ path, receives }) => ({ method: 'POST', path, receives })),
      { method: 'GET', path: HEALTH_PATH, receives: 'health checks' },
    ];
    return { status: 200, code: 'endpoints', body: { endpoints } };
  }
  if (challenge.length > CHALLENGE_CHARS_MAX || !PRINTABLE_ASCII.test(challenge))
    return refuse('invalid_challenge');
  const headers = { 'X-Content-Type-Options': 'nosniff' };
  return { status: 200, code: 'challenge', headers, body: challenge };
}

/**
 * `GET /health`: 200 while deliveries are accepted, otherwise 503.
 * @param nowMs wall clock, milliseconds
 * @param uptimeS seconds since the start
 */
export function answerHealth(
  { storage, lagging }: Pick<Writer, 'storage' | 'lagging'>,
  isDraining: boolean,
  nowMs: number,
  uptimeS: number,
): Answer {
  const status = isDraining ? 'shutting_down' : storage === 'ok' ? 'healthy' : 'storage_failing';
  return {
    status: status === 'healthy' ? 200 : 503,
    code: status,
    headers: { 'Cache-Control': 'no-store' },
    body: {
      status,
      service: 'IRISX Webhook Handler',
      timestamp: new Date(nowMs).toISOString(),
      uptime: Math.floor(uptimeS),
      ...(lagging.length > 0 && { projections_behind: lagging }),
    },
  };
}
