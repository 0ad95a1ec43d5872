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

export type Answer =
  | { readonly kind: 'answer'; readonly status: number; readonly text: string }
  | { readonly kind: 'none'; readonly code: string; readonly reason: string };

export interface Poster {
  /** Signs with the current time; never rejects. */
  post(delivery: Delivery): Promise<Answer>;
  /** Closes the connections. */
  close(): void;
}

export interface PosterOptions {
  readonly url: URL;
  /** For all deliveries; undefined: each delivery's own path, or else the URL's. */
  readonly path: string | undefined;
  readonly secret: string;
  readonly connections: number;
}

export function createPoster({ url, path, secret, connections }: PosterOptions): Poster {
  const isHttps = url.protocol === 'https:';
  const request = isHttps ? requestHttps : requestHttp;
  const agent = new (isHttps ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: connections });

  function exchange(delivery: Delivery): Promise<IncomingMessage> {
    const body = Buffer.from(delivery.body as string); // bytes are copied, text is encoded as UTF-8
    const timestamp = Math.floor(Date.now() / 1000);
    const target = new URL(url);
    target.pathname = path ?? delivery.path ?? url.pathname;
    return new Promise((resolve, reject) => {
      request(target, {
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
      })
        .on('response', resolve)
        .on('error', reject)
        .end(body);
    });
  }

  return {
    async post(delivery) {
      try {
        const response = await exchange(delivery);
        return { kind: 'answer', status: response.statusCode ?? 0, text: await text(response) };
      } catch (error) {
        return noAnswer(error as NodeJS.ErrnoException);
      }
    },
    close: () => agent.destroy(),
  };
}

function noAnswer({ name, code = 'ERROR', message }: NodeJS.ErrnoException): Answer {
  if (name === 'AbortError' || name === 'TimeoutError')
    return { kind: 'none', code: 'timeout', reason: `no answer within ${SENDER_TIMEOUT_MS / 1000} s` };
  return { kind: 'none', code, reason: `no answer: ${message === '' ? code : message}` };
}
