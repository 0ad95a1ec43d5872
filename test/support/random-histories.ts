/** Random histories: deliveries about few subjects, mostly of types whose events decide about the same columns. */

import type { Delivery } from '../../src/core/event/delivery.ts';
import { SPELLINGS_WITH_TABLE } from '../../src/core/event/event-types.ts';
import { delivery, T0_S } from './events.ts';
import type { Random } from './random.ts';
import { anyBody, type RandomBody, randomBody, type Variety } from './random-bodies.ts';
import { NUMBERS, ONE_NUMBER, SUBJECTS, TENANTS } from './random-values.ts';

/** Types that belong together: their events decide about the same columns. */
const RELATED_TYPES: readonly (readonly string[])[] = [
  ['sms.sent', 'sms.delivered', 'sms.failed', 'mms.delivered', 'mms.undelivered', 'sms.undelivered'],
  ['sms.received'],
  ['sms.received', 'mms.received'],
  ['call.initiated', 'call.answered', 'call.completed', 'call.failed'],
  ['call.recording.started', 'call.recording.completed', 'call.recording.failed', 'transcription.completed'],
];

/** Makes a body of one of these types, about one of these subjects. */
export type BodyOf = (random: Random, subjects: readonly string[], types: readonly string[]) => RandomBody;

/** In some histories all values are usable, in others many are not. Most have few contacts, so that these change. */
export function plausibleBodies(random: Random): BodyOf {
  const variety: Variety = {
    unusable: random.pick([0, 0.08, 0.35]),
    numbers: random.chance(0.7) ? ONE_NUMBER : random.shuffle(NUMBERS).slice(0, 4),
    tenants: random.shuffle(TENANTS).slice(0, 1 + random.below(3)),
  };
  return (...options) => randomBody(...options, variety);
}

/** Any value may be anything. */
export const anyBodies = (): BodyOf => anyBody;

/** Deliveries with distinct bodies. The same body with two headers would be one event, of either type. */
export function randomHistory(random: Random, bodyOf: BodyOf): Delivery[] {
  const subjects = random.shuffle(SUBJECTS).slice(0, 1 + random.below(3));
  // All types or a few. With few types, more events belong to the same row.
  const types = random.pick([
    SPELLINGS_WITH_TABLE,
    random.shuffle(SPELLINGS_WITH_TABLE).slice(0, 1 + random.below(3)),
    random.pick(RELATED_TYPES),
  ]);
  const byBody = new Map<string, Delivery>();
  const count = 1 + random.below(24);
  while (byBody.size < count) {
    const { body, eventHeader } = bodyOf(random, subjects, types);
    const signedAt = T0_S + random.below(4);
    if (!byBody.has(body)) byBody.set(body, delivery(body, { eventHeader, signedAt }));
  }
  return [...byBody.values()];
}

/** Another order, with retries: the same bytes with a new signature and time, sometimes with another header. */
export function shuffledWithRetries(deliveries: readonly Delivery[], random: Random): Delivery[] {
  const arriving = random.shuffle(deliveries);
  for (const original of deliveries) {
    if (!random.chance(0.4)) continue;
    const retry = {
      ...original,
      signedAt: original.signedAt + random.pick([0, 7, 3_600]),
      receivedAtMs: original.receivedAtMs + 7_000,
      signature: 'cd'.repeat(32),
      eventHeader: random.chance(0.2) ? random.pick(SPELLINGS_WITH_TABLE) : original.eventHeader,
    };
    const first = arriving.indexOf(original);
    arriving.splice(first + 1 + random.below(arriving.length - first), 0, retry);
  }
  return arriving;
}
