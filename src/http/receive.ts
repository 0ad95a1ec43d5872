/**
 * The story of a delivery, from top to bottom: limit, read, verify, append, answer. Each guard is followed by its
 * answer, and nothing after it runs. The order is DESIGN 4's.
 */

import type { Counters } from '../core/counters.ts';
import type { Delivery, Recorded } from '../core/delivery.ts';
import { familyOf } from '../core/event-types.ts';
import { VERIFY_OVER_LIMIT_BYTES_MAX } from '../core/limits.ts';
import { harmless, type Log } from '../core/logger.ts';
import type { RateLimiter } from '../core/rate-limiter.ts';
import { matchesSignature } from '../core/signature.ts';
import type { Writer } from '../core/writer.ts';
import { type Answer, answerOutcome, type RefusalCode, refuse, tooManyRequests } from './answers.ts';
import { type ByteBudget, captureBody } from './body.ts';
import { headerText, readClaim } from './claim.ts';
import type { ClockWarning } from './clock-warning.ts';
import type { WebhookEndpoint } from './endpoints.ts';
import type { Exchange } from './exchange.ts';

/** What the story needs. */
export interface Door {
  readonly secrets: readonly string[];
  readonly skipSignatureVerification: boolean;
  /** Seconds, both ways. */
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
 * @returns the answer; undefined where the client is gone, or node:http has answered in our place
 */
export async function receive(
  exchange: Exchange,
  endpoint: WebhookEndpoint,
  door: Door,
): Promise<Answer | undefined> {
  const { request } = exchange;

  // Limit. A client over its limit may still prove that it is the sender, with a small body.
  const place = door.limiter.take(exchange.client, exchange.startedMs);
  const over = place.kind === 'over';
  if (over && !door.rateLimitSkipVerified) return tooManyRequests(place.retryAfterS);
  const refused = (code: RefusalCode) => (over ? tooManyRequests(place.retryAfterS) : refuse(code));
  const bodyBytesMax = over ? Math.min(door.bodyBytesMax, VERIFY_OVER_LIMIT_BYTES_MAX) : door.bodyBytesMax;

  // What the headers alone tell.
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

    // Verify: the signature first, so that only a true sender learns anything of its clock.
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

    // Append: after this await the delivery is fsynced, or refused.
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

/** With verification switched off a delivery needs no headers; a plain timestamp is taken if there is one. */
function unverified(exchange: Exchange): { kind: 'claim'; signature: null; signedAt: string } {
  const stated = headerText(exchange.request.rawHeaders, 'x-irisx-timestamp') ?? '';
  const signedAt = /^[0-9]{10}$/.test(stated) ? stated : String(Math.floor(exchange.receivedAtMs / 1000));
  return { kind: 'claim', signature: null, signedAt };
}

/** What is recorded all the same, but tells of a wrong setting or of somebody who plays with unsigned headers. */
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
      `${exchange.id} ${harmless(type)} came to ${endpoint.path}, which is for ${endpoint.receives}; recorded as seq ${seq}`,
    );
  }
  if (otherEventHeader) {
    counters.add('other_event_header');
    const header = harmless(delivery.eventHeader ?? 'none');
    log(
      'warn',
      `${exchange.id} repeats seq ${seq} under another X-IRISX-Event (${header}); not recorded again`,
    );
  }
}
