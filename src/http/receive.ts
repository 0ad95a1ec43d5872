/**
 * The handling of a delivery, from top to bottom: limit, read, verify, append, answer. Each failed check returns its
 * answer immediately.
 */

import type { Delivery, Recorded } from '../core/event/delivery.ts';
import { familyOf } from '../core/event/event-types.ts';
import { matchesSignature } from '../core/event/signature.ts';
import {
  BUFFERED_BODIES_BYTES_MAX,
  REPEATED_WARNING_MS,
  VERIFY_OVER_LIMIT_BYTES_MAX,
} from '../core/limits.ts';
import { harmless } from '../core/logger.ts';
import { throttle } from '../core/throttle.ts';
import { type Answer, answerOutcome, type RefusalCode, refuse, tooManyRequests } from './answers.ts';
import { headerText, readClaim, unverifiedClaim } from './claim.ts';
import type { WebhookEndpoint } from './endpoints.ts';
import type { Exchange } from './exchange.ts';
import { createBodies } from './guard/bodies.ts';
import type { RateLimiter } from './guard/rate-limiter.ts';
import type { HttpOptions } from './options.ts';

/** @param limiter counts the other requests of the clients, too */
export function createReceive(options: HttpOptions, limiter: RateLimiter) {
  const { secrets, maxAgeS, rateLimitSkipVerified, writer, counters, log } = options;
  const captureBody = createBodies(BUFFERED_BODIES_BYTES_MAX);
  const mayWarnOfClock = throttle(1, REPEATED_WARNING_MS, options.monotonicMs);

  /**
   * @returns the answer; undefined if the client is gone, or if the request was already answered after a parse error
   */
  async function receive(exchange: Exchange, endpoint: WebhookEndpoint): Promise<Answer | undefined> {
    const { request, receivedAtMs } = exchange;
    const { headers, rawHeaders } = request;

    // Limit. A client above its limit can still prove that it is the sender, if its body is small.
    const decision = limiter.take(exchange.client, exchange.startedMs);
    const isOver = decision.kind === 'over';
    const refused = (code: RefusalCode) => (isOver ? tooManyRequests(decision.retryAfterS) : refuse(code));
    if (isOver && !rateLimitSkipVerified) return refused('rate_limited');
    const bodyBytesMax = Math.min(options.bodyBytesMax, isOver ? VERIFY_OVER_LIMIT_BYTES_MAX : Infinity);

    // Check the headers.
    if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity')
      return refused('unsupported_encoding');
    if (Number(headers['content-length'] ?? 0) > bodyBytesMax) return refused('body_too_large');
    const claim = options.skipSignatureVerification
      ? unverifiedClaim(rawHeaders, receivedAtMs)
      : readClaim(rawHeaders);
    if (typeof claim === 'string') return refused(claim);
    if (exchange.expects === 'continue') exchange.response.writeContinue();

    // Read.
    const capture = captureBody(request, bodyBytesMax);
    exchange.capture = capture;
    try {
      const body = await capture.body;
      if (body === undefined) return undefined;
      if (body === 'shutting_down') return refuse(body);
      if (typeof body === 'string') return refused(body);

      // Verify the signature first, so that only the real sender learns anything about our clock.
      if (claim.signature !== null) {
        if (!matchesSignature(body, claim.signature, claim.signedAt, secrets))
          return refused('invalid_signature');
        const ageS = Math.floor(receivedAtMs / 1000) - Number(claim.signedAt);
        if (Math.abs(ageS) > maxAgeS) {
          warnOfClock(ageS);
          return refused(ageS > 0 ? 'timestamp_too_old' : 'timestamp_in_future');
        }
        if (!isOver && rateLimitSkipVerified) decision.giveBack();
      }

      // Append: after this await the delivery is either fsynced or refused.
      const delivery: Delivery = {
        body,
        path: exchange.path,
        signature: claim.signature,
        signedAt: Number(claim.signedAt),
        receivedAtMs,
        eventHeader: headerText(rawHeaders, 'x-irisx-event'),
        eventIdHeader: headerText(rawHeaders, 'x-irisx-event-id'),
      };
      const outcome = await writer.append(delivery);
      if (outcome.kind === 'recorded') warnOfOddities(exchange.id, endpoint, delivery, outcome);
      return answerOutcome(outcome);
    } finally {
      exchange.capture = undefined; // it holds the body
      capture.release();
    }
  }

  /** Warns of a delivery with a valid signature that is refused because of its timestamp. */
  function warnOfClock(ageS: number): void {
    if (!mayWarnOfClock()) return;
    const side = ageS > 0 ? `${ageS} s old` : `${-ageS} s in the future`;
    log(
      'warn',
      `a delivery with a valid signature was refused because its timestamp is ${side} (limit ${maxAgeS} s): ` +
        "it is a replay, or the sender's clock or this machine's clock is wrong; check `timedatectl`",
    );
  }

  /** Warns of a recorded delivery that suggests a wrong setting or manipulated unsigned headers. */
  function warnOfOddities(
    requestId: string,
    { path, families, receives }: WebhookEndpoint,
    { eventHeader }: Delivery,
    { seq, type, otherEventHeader, duplicate, warnings }: Recorded,
  ): void {
    if (warnings.length > 0 && !duplicate) counters.add('incomplete'); // the answer's line in the log says how many
    if (type !== null && families !== undefined && !families.includes(familyOf(type))) {
      counters.add('wrong_family');
      const what = `${harmless(type)} was sent to ${path}, which is for ${receives}`;
      log('warn', `${requestId} ${what}; recorded as seq ${seq}`);
    }
    if (otherEventHeader) {
      counters.add('other_event_header');
      const what = `repeats seq ${seq} with a different X-IRISX-Event (${harmless(eventHeader ?? 'none')})`;
      log('warn', `${requestId} ${what}; not recorded again`);
    }
  }

  return receive;
}
