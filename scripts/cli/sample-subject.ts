/**
 * What a sample event is about: one call, its recording, and messages between the same two numbers. All random values
 * of a sample are chosen here, so that the events of one subject are consistent.
 */

import type { Random } from './random.ts';

export type Subject = Readonly<ReturnType<typeof sampleSubject>>;

/** In each of these, 555-0100 to 555-0199 are reserved for examples. */
const AREA_CODES = '201 202 206 212 213 215 303 305 312 313 404 412 415 503 512 602 617 702 713 808'.split(
  ' ',
);
const NUMBERS_PER_AREA = 100;

const OWN_NUMBERS = ['+12025550100', '+12025550101', '+14155550100'];
const TENANT_IDS = ['tenant-17', 'tenant-42'];
const OUTBOUND_TEXTS = [
  'Your appointment is tomorrow at 10:30. Reply STOP to opt out.',
  'Your order has left our warehouse and will be with you on Friday.',
  'Your verification code is 482913. It is valid for ten minutes.',
  'Café ☕ at ten? We have kept a table for you.',
];
const INBOUND_TEXTS = [
  'Is this still available?',
  'Yes, that works for me, thank you!',
  'Can we move it to next week?',
  'Please call me back.',
];
const SPOKEN_TEXTS = [
  'Hello, I am calling about my order. It has not arrived yet.',
  'Hi, this is a message for the reception. Please call me back in the afternoon.',
  'Good morning, I would like to change my appointment to Thursday.',
];

const RINGING_S_MAX = 20;
const TALKING_S_MAX = 600;

/** @param startedAtMs the start of the call or conversation, milliseconds since 1970 UTC */
export function sampleSubject(random: Random, startedAtMs: number) {
  return {
    callUuid: random.uuid(),
    recordingId: random.uuid(),
    messageId: random.uuid(),
    tenantId: random.pick(TENANT_IDS),
    /** The direction of the call. */
    direction: random.pick<'inbound' | 'outbound'>(['inbound', 'outbound']),
    /** The tenant's number; `contactNumber` is that of the other party. */
    ownNumber: random.pick(OWN_NUMBERS),
    contactNumber: exampleNumber(random),
    startedAtMs,
    ringingS: 2 + random.below(RINGING_S_MAX),
    talkingS: 5 + random.below(TALKING_S_MAX),
    outboundText: random.pick(OUTBOUND_TEXTS),
    inboundText: random.pick(INBOUND_TEXTS),
    spokenText: random.pick(SPOKEN_TEXTS),
  };
}

/** The next message between the same two people. */
export function nextMessage(
  subject: Subject,
  random: Random,
  startedAtMs: number,
  inboundText: string,
): Subject {
  return { ...subject, messageId: random.uuid(), startedAtMs, inboundText };
}

function exampleNumber(random: Random): string {
  const line = String(100 + random.below(NUMBERS_PER_AREA)).padStart(4, '0');
  return `+1${random.pick(AREA_CODES)}555${line}`;
}
