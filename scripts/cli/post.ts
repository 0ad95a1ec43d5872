/** Signs and posts deliveries as the sender does, over keep-alive connections. */

import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { text } from 'node:stream/consumers';
import { generateSignature } from '../../src/core/event/signature.ts';
import { SENDER_TIMEOUT_MS } from '../../src/core/limits.ts';

/** One delivery to send. */
export interface Delivery {
  /** The event type, for display. */
  readonly label: string;
  /** In addition to the signature headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** The exact text, or bytes, to sign. */
  readonly body: string | Uint8Array;
  /** The path at which it was recorded; replaces the path of the URL. */
  readonly path?: string;
}

/** Deliveries that may be sent several times. */
export interface DeliverySource {
  readonly size: number;
  /** Made as they are needed; samples get new ids each time. */
  make(): Iterable<Delivery>;
}

export type Answer =
  | { readonly kind: 'answer'; readonly status: number; readonly text: string }
  | { readonly kind: 'no-answer'; readonly code: string; readonly reason: string };

export interface PostOptions {
  readonly url: URL;
  /** For all deliveries; undefined: each delivery's own path, or else the URL's. */
  readonly path: string | undefined;
  readonly secret: string;
  /** At most so many at once; further deliveries wait for one. */
  readonly connections: number;
}

/** @returns a function that signs a delivery with the current time and posts it; it never rejects */
export function createPost(options: PostOptions): (delivery: Delivery) => Promise<Answer> {
  const { url, path, secret, connections } = options;
  const isHttps = url.protocol === 'https:';
  const request = isHttps ? requestHttps : requestHttp;
  const agent = new (isHttps ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: connections });

  return async (delivery) => {
    const body = Buffer.from(delivery.body as string); // bytes are copied, text is encoded as UTF-8
    const timestamp = Math.floor(Date.now() / 1000);
    const target = new URL(url);
    target.pathname = path ?? delivery.path ?? url.pathname;
    try {
      const sent = request(target, {
        method: 'POST',
        agent,
        signal: AbortSignal.timeout(SENDER_TIMEOUT_MS),
        headers: {
          'Content-Type': 'application/json',
          'Content-Length': body.byteLength,
          'User-Agent': 'IRISX-Webhooks/1.0',
          ...delivery.headers,
          'X-IRISX-Signature': generateSignature(body, secret, timestamp),
          'X-IRISX-Timestamp': String(timestamp),
        },
      });
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        sent.on('response', resolve).on('error', reject).end(body);
      });
      return { kind: 'answer', status: response.statusCode ?? 0, text: await text(response) };
    } catch (error) {
      return noAnswer(error as NodeJS.ErrnoException);
    }
  };
}

function noAnswer({ name, code = 'ERROR', message }: NodeJS.ErrnoException): Answer {
  if (name === 'AbortError' || name === 'TimeoutError')
    return { kind: 'no-answer', code: 'timeout', reason: `no answer within ${SENDER_TIMEOUT_MS / 1000} s` };
  return { kind: 'no-answer', code, reason: `no answer: ${message === '' ? code : message}` };
}
