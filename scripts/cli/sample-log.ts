/**
 * A long mixed stream of sample deliveries in chronological order, as the sender produces them: many calls and
 * conversations at once, with every documented type and shape.
 */

import type { Random } from './random.ts';
import { type SampleDelivery, SHAPES, sampleEvent, sampleTimeMs } from './sample-events.ts';
import { nextMessage, sampleSubject } from './sample-subject.ts';
import { CALL_TYPES, RECORDING_TYPES, type ScenarioEvent, SENT_TYPES } from './scenarios.ts';

/** The events of a hundred stories. */
const STORIES = [
  ...times(20, CALL_TYPES),
  ...times(20, [...CALL_TYPES, ...RECORDING_TYPES]),
  ...times(6, ['call.initiated', 'call.ringing', 'call.no_answer']),
  ...times(4, ['call.initiated', 'call.ringing', 'call.busy']),
  ...times(3, ['call.initiated', 'call.failed']),
  ...times(2, ['call.initiated', 'call.ringing', 'call.cancelled']),
  ...times(30, SENT_TYPES),
  ...times(3, ['sms.sent', 'sms.failed']),
  ...times(12, ['sms.received']),
];

function times(count: number, types: readonly string[]): (readonly string[])[] {
  return Array(count).fill(types);
}

/** Between the starts of two stories. Gives about 15 events per second, as in a busy office. */
const GAP_MS_MAX = 400;
/** More than the mean time between two events, so that this many milliseconds for each event reach from the first to the last. */
export const SAMPLE_EVENT_MS_MAX = GAP_MS_MAX / 4;
const KEYWORDS = ['STOP', 'START', 'HELP'];
const KEYWORD_CHANCE = 0.1;

interface Due extends ScenarioEvent {
  /** When it occurs, milliseconds since 1970 UTC. */
  readonly atMs: number;
}

/**
 * @param startedAtMs the start of the first story, milliseconds since 1970 UTC
 * @returns `count` deliveries, no two alike, in the order in which they happen
 */
export function* sampleLog(random: Random, count: number, startedAtMs: number): Generator<SampleDelivery> {
  /** Events still to come; the next one is last. */
  const due: Due[] = [];
  let beginsAtMs = startedAtMs;
  for (let made = 0; made < count; made++) {
    while ((due.at(-1)?.atMs ?? Number.POSITIVE_INFINITY) >= beginsAtMs) {
      for (const event of story(random, beginsAtMs)) insert(due, event);
      beginsAtMs += 1 + random.below(GAP_MS_MAX);
    }
    const { type, subject } = due.pop() as Due;
    yield sampleEvent(type, subject, random.pick(SHAPES));
  }
}

/** One call or conversation, from its beginning to its end. */
function story(random: Random, startedAtMs: number): Due[] {
  const subject = sampleSubject(random, startedAtMs);
  const types = random.pick(STORIES);
  const isKeyword = types[0] === 'sms.received' && random.next() < KEYWORD_CHANCE;
  const about = isKeyword ? nextMessage(subject, random, startedAtMs, random.pick(KEYWORDS)) : subject;
  return types.map((type) => ({ atMs: sampleTimeMs(type, about), type, subject: about }));
}

/** Keeps `due` in order. Of two events with the same time, the one inserted first happens first. */
function insert(due: Due[], event: Due): void {
  let low = 0;
  let high = due.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((due[middle] as Due).atMs > event.atMs) low = middle + 1;
    else high = middle;
  }
  due.splice(low, 0, event);
}
