/**
 * Forwards selected events to a URL, signed as specified by Standard Webhooks, so that the target can verify them with
 * a standard library. Redirects are not followed: an event is meant only for the configured address.
 */

import { createHmac } from 'node:crypto';
import { tabledType } from '../core/event/event-types.ts';
import { FORWARD_RUNS_MAX, FORWARD_TIMEOUT_MS, RUN_RETRY_LAST_MS } from '../core/limits.ts';
import type { Consumer, LoggedEvent } from '../core/runs/consumer.ts';
import { RunFailed } from '../core/runs/consumer.ts';
import type { RunContext } from '../core/runs/run-context.ts';
import { eventText } from './event-text.ts';
import { handlerData } from './handler-data.ts';

export interface ForwardOptions {
  /** http or https, without credentials. */
  readonly url: string;
  /** Event types; `call.*` selects a family, `*` selects all. */
  readonly events: readonly string[];
  /** The decoded key, 24 to 64 bytes. */
  readonly key: Uint8Array;
}

/** @param nowMs wall clock, milliseconds; each attempt is signed with the current time */
export function forwardConsumer({ url, events, key }: ForwardOptions, nowMs: () => number): Consumer {
  const chosen = new Set(events.map(oneName));
  return {
    name: 'forward',
    timeoutMs: FORWARD_TIMEOUT_MS,
    runsMax: FORWARD_RUNS_MAX,
    runsUserCode: false,
    wants(type) {
      const name = oneName(type);
      return chosen.has('*') || chosen.has(name) || chosen.has(`${name.split('.')[0]}.*`);
    },
    async run(logged, context) {
      const body = JSON.stringify(payloadOf(logged, context));
      const id = `evt_${context.idempotencyKey}`;
      const timestamp = String(Math.floor(nowMs() / 1000));
      const response = await post(url, {
        method: 'POST',
        redirect: 'manual',
        signal: context.signal,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'IRISX-Webhook-Receiver',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': standardSignature(key, id, timestamp, body),
        },
        body,
      });
      await response.body?.cancel();
      if (!response.ok) throw refusal(response);
    },
  };
}

/** `v1,` and the base64 of an HMAC-SHA256 over id, time and body. */
function standardSignature(key: Uint8Array, id: string, timestamp: string, body: string): string {
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}

/** The forwarded body; chat tools show `text`. */
function payloadOf(logged: LoggedEvent, { seq }: RunContext) {
  const { type, event, json, signedAt } = logged;
  const timestamp = (event === undefined ? signedAt : new Date(event.occurredAtMs)).toISOString();
  const stated = event && handlerData(event);
  const data = stated ?? json['data'] ?? json;
  return { type: oneName(type), timestamp, seq, text: eventText(logged, stated), data };
}

function oneName(type: string): string {
  return tabledType(type) ?? type;
}

async function post(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    const { cause } = error as { cause?: { code?: string; message?: string } };
    const reason = cause?.code ?? cause?.message ?? (error as Error).message;
    throw new RunFailed(`FORWARD_URL cannot be reached: ${reason}`, { cause: error });
  }
}

function refusal({ status, headers }: Response): RunFailed {
  const answered = `FORWARD_URL answered ${status}`;
  const location = headers.get('location') ?? 'no Location';
  if (status === 410) return new RunFailed(`${answered}: the target is gone`, { isFinal: true });
  if (status >= 300 && status < 400)
    return new RunFailed(`${answered} with ${location}: redirects are not followed`);
  const seconds = Number(headers.get('retry-after') ?? 0);
  const retryAfterMs = seconds > 0 ? Math.min(seconds * 1000, RUN_RETRY_LAST_MS) : 0;
  return new RunFailed(answered, { retryAfterMs });
}
