/**
 * The handling of a delivery, from top to bottom: limit, read, verify, append, answer. Each failed check returns its
 * answer immediately.
 */

import type { Delivery, Recorded } from '../core/event/delivery.ts';
import { familyOf } from '../core/event/event-types.ts';
import { matchesSignature } from '../core/event/signature.ts';
import { VERIFY_OVER_LIMIT_BYTES_MAX } from '../core/limits.ts';
import { harmless, type Log } from '../core/logger.ts';
import type { Counters } from '../core/metrics/counters.ts';
import type { Writer } from '../core/writer/writer.ts';
import { type Answer, answerOutcome, type RefusalCode, refuse, tooManyRequests } from './answers.ts';
import { headerText, readClaim } from './claim.ts';
import type { WebhookEndpoint } from './endpoints.ts';
import type { Exchange } from './exchange.ts';
import { type ByteBudget, captureBody } from './guard/body.ts';
import type { ClockWarning } from './guard/clock-warning.ts';
import type { RateLimiter } from './guard/rate-limiter.ts';

/** What receive() needs. */
export interface Door {
  readonly secrets: readonly string[];
  readonly skipSignatureVerification: boolean;
  /** Seconds, into the past and into the future. */
  readonly maxAgeS: number;
  readonly bodyBytesMax: number;
  readonly rateLimitSkipVerified: boolean;
  readonly limiter: RateLimiter;
  readonly bodies: ByteBudget;
  readonly writer: Writer;
  readonly counters: Counters;
  readonly clockWarning: ClockWarning;
  readonly log: Log;
}

/**
 * @returns the answer; undefined if the client is gone, or if the request was already answered after a parse error
 */
export async function receive(
  exchange: Exchange,
  endpoint: WebhookEndpoint,
  door: Door,
): Promise<Answer | undefined> {
  const { request } = exchange;

  // Limit. A client above its limit can still prove that it is the sender, if its body is small.
  const place = door.limiter.take(exchange.client, exchange.startedMs);
  const over = place.kind === 'over';
  if (over && !door.rateLimitSkipVerified) return tooManyRequests(place.retryAfterS);
  const refused = (code: RefusalCode) => (over ? tooManyRequests(place.retryAfterS) : refuse(code));
  const bodyBytesMax = over ? Math.min(door.bodyBytesMax, VERIFY_OVER_LIMIT_BYTES_MAX) : door.bodyBytesMax;

  // Check the headers.
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return refused('unsupported_encoding');
  if (Number(request.headers['content-length'] ?? 0) > bodyBytesMax) return refused('body_too_large');
  const claim = door.skipSignatureVerification ? unverified(exchange) : readClaim(request.rawHeaders);
  if (claim.kind === 'refused') return refused(claim.code);
  if (exchange.expectsContinue) exchange.response.writeContinue();

  // Read.
  const capture = captureBody(request, bodyBytesMax, door.bodies);
  exchange.cut = capture.cut;
  try {
    const body = await capture.body;
    if (body.kind === 'broken-off') return undefined;
    if (body.kind === 'too-large') return refused('body_too_large');
    if (body.kind === 'no-room') return refused('bodies_full');
    if (body.kind === 'cut') return refuse('shutting_down');

    // Verify the signature first, so that only the real sender learns anything about our clock.
    if (claim.signature !== null) {
      if (!matchesSignature(body.bytes, claim.signature, claim.signedAt, door.secrets))
        return refused('invalid_signature');
      const ageS = Math.floor(exchange.receivedAtMs / 1000) - Number(claim.signedAt);
      if (Math.abs(ageS) > door.maxAgeS) {
        door.clockWarning(ageS);
        return refused(ageS > 0 ? 'timestamp_too_old' : 'timestamp_in_future');
      }
      if (place.kind === 'taken' && door.rateLimitSkipVerified) place.giveBack();
    }

    // Append: after this await the delivery is either fsynced or refused.
    const delivery: Delivery = {
      body: body.bytes,
      path: exchange.path,
      signature: claim.signature,
      signedAt: Number(claim.signedAt),
      receivedAtMs: exchange.receivedAtMs,
      eventHeader: headerText(request.rawHeaders, 'x-irisx-event'),
      eventIdHeader: headerText(request.rawHeaders, 'x-irisx-event-id'),
    };
    const outcome = await door.writer.append(delivery);
    if (outcome.kind === 'recorded') warnOfOddities(exchange, endpoint, delivery, outcome, door);
    return answerOutcome(outcome);
  } finally {
    delete exchange.cut;
    capture.release();
  }
}

/** With verification switched off, a delivery needs no headers. A plain timestamp is used if there is one. */
function unverified(exchange: Exchange): { kind: 'claim'; signature: null; signedAt: string } {
  const stated = headerText(exchange.request.rawHeaders, 'x-irisx-timestamp') ?? '';
  const signedAt = /^[0-9]{10}$/.test(stated) ? stated : String(Math.floor(exchange.receivedAtMs / 1000));
  return { kind: 'claim', signature: null, signedAt };
}

/** Warns about recorded deliveries that suggest a wrong setting or manipulated unsigned headers. */
function warnOfOddities(
  exchange: Exchange,
  endpoint: WebhookEndpoint,
  delivery: Delivery,
  { seq, type, otherEventHeader }: Recorded,
  { counters, log }: Door,
): void {
  if (type !== null && endpoint.families !== undefined && !endpoint.families.includes(familyOf(type))) {
    counters.add('wrong_family');
    log(
      'warn',
      `${exchange.id} ${harmless(type)} was sent to ${endpoint.path}, which is for ${endpoint.receives}; recorded as seq ${seq}`,
    );
  }
  if (otherEventHeader) {
    counters.add('other_event_header');
    const header = harmless(delivery.eventHeader ?? 'none');
    log(
      'warn',
      `${exchange.id} repeats seq ${seq} with a different X-IRISX-Event (${header}); not recorded again`,
    );
  }
}
