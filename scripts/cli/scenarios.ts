/** Scenarios: several events that belong together, in the order in which they occur. */

import { DOCUMENTED_TYPES } from '../../src/core/event/event-types.ts';
import type { Random } from './random.ts';
import { sampleTimeMs } from './sample-events.ts';
import { nextMessage, type Subject, sampleSubject } from './sample-subject.ts';

export interface ScenarioEvent {
  readonly type: string;
  readonly subject: Subject;
}

const REPLY_MS = 30_000;

export const CALL_TYPES = ['call.initiated', 'call.ringing', 'call.answered', 'call.completed'];
export const RECORDING_TYPES = ['recording.complete', 'recording.transcribed'];
export const SENT_TYPES = ['sms.sent', 'sms.delivered'];
/** Each of them ends a separate call or message. */
const OTHER_ENDINGS = ['call.failed', 'call.no_answer', 'call.busy', 'call.cancelled', 'sms.failed'];

/** The times of their events begin at 0. */
const SCENARIOS = {
  call: (random) => eventsOf(sampleSubject(random, 0), [...CALL_TYPES, ...RECORDING_TYPES]),

  'failed-call': (random) =>
    eventsOf(sampleSubject(random, 0), ['call.initiated', 'call.ringing', 'call.failed']),

  sms: (random) => {
    const { sent, reply } = conversation(random);
    return [...eventsOf(sent, SENT_TYPES), ...eventsOf(reply, ['sms.received'])];
  },

  'sms-stop': (random) => {
    const { sent, reply } = conversation(random);
    const stop = nextMessage(sent, random, 2 * REPLY_MS, 'STOP');
    return [
      ...eventsOf(sent, SENT_TYPES),
      ...eventsOf(reply, ['sms.received']),
      ...eventsOf(stop, ['sms.received']),
    ];
  },

  all: (random) => {
    const call = sampleSubject(random, 0);
    const { sent, reply } = conversation(random);
    return DOCUMENTED_TYPES.map((type) => {
      if (OTHER_ENDINGS.includes(type)) return { type, subject: sampleSubject(random, 0) };
      if (type === 'sms.received') return { type, subject: reply };
      return { type, subject: type.startsWith('sms.') ? sent : call };
    });
  },
} as const satisfies Readonly<Record<string, (random: Random) => ScenarioEvent[]>>;

function conversation(random: Random) {
  const sent = sampleSubject(random, 0);
  return { sent, reply: nextMessage(sent, random, REPLY_MS, sent.inboundText) };
}

export type ScenarioName = keyof typeof SCENARIOS;
export const SCENARIO_NAMES = Object.keys(SCENARIOS) as ScenarioName[];

/** @param endedAtMs the time of its last event, milliseconds since 1970 UTC */
export function scenario(name: ScenarioName, random: Random, endedAtMs: number): ScenarioEvent[] {
  return endingAt(SCENARIOS[name](random), endedAtMs);
}

/** One event of any type, with its own subject, that occurred at `atMs`. */
export function singleEvent(type: string, random: Random, atMs: number): ScenarioEvent[] {
  return endingAt(eventsOf(sampleSubject(random, 0), [type]), atMs);
}

function endingAt(events: readonly ScenarioEvent[], endedAtMs: number): ScenarioEvent[] {
  const lastMs = Math.max(...events.map(({ type, subject }) => sampleTimeMs(type, subject)));
  return events.map(({ type, subject }) => ({
    type,
    subject: { ...subject, startedAtMs: subject.startedAtMs + endedAtMs - lastMs },
  }));
}

function eventsOf(subject: Subject, types: readonly string[]): ScenarioEvent[] {
  return types.map((type) => ({ type, subject }));
}
