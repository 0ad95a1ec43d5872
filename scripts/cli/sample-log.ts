/** A long mixed stream of sample deliveries: many calls and conversations at once, every documented type and shape. */

import type { Random } from './random.ts';
import { type SampleDelivery, SHAPES, sampleEvent } from './sample-events.ts';
import { nextMessage, type Subject, sampleSubject } from './sample-subject.ts';

/** How many of a hundred stories go this way. */
const STORIES: readonly (readonly [percent: number, types: readonly string[]])[] = [
  [20, ['call.initiated', 'call.ringing', 'call.answered', 'call.completed']],
  [
    20,
    [
      'call.initiated',
      'call.ringing',
      'call.answered',
      'call.completed',
      'recording.complete',
      'recording.transcribed',
    ],
  ],
  [6, ['call.initiated', 'call.ringing', 'call.no_answer']],
  [4, ['call.initiated', 'call.ringing', 'call.busy']],
  [3, ['call.initiated', 'call.failed']],
  [2, ['call.initiated', 'call.ringing', 'call.cancelled']],
  [30, ['sms.sent', 'sms.delivered']],
  [3, ['sms.sent', 'sms.failed']],
  [12, ['sms.received']],
];

/** Stories under way at one time: their events come interleaved. */
const OPEN_STORIES = 40;
/** Between the beginnings of two stories. */
const GAP_MS_MAX = 400;
const KEYWORDS = ['STOP', 'START', 'HELP'] as const;
const KEYWORD_CHANCE = 0.1;

interface Story {
  readonly subject: Subject;
  readonly types: readonly string[];
  next: number;
}

/**
 * @param startedAtMs of the first story, milliseconds since 1970 UTC
 * @returns `count` deliveries, no two alike; one subject's come in their order
 */
export function* sampleLog(random: Random, count: number, startedAtMs: number): Generator<SampleDelivery> {
  let clockMs = startedAtMs;
  const begin = (): Story => {
    clockMs += 1 + random.below(GAP_MS_MAX);
    const subject = sampleSubject(random, clockMs);
    const types = pickTypes(random);
    const isKeyword = types[0] === 'sms.received' && random.next() < KEYWORD_CHANCE;
    const told = isKeyword ? nextMessage(subject, random, clockMs, random.pick(KEYWORDS)) : subject;
    return { subject: told, types, next: 0 };
  };
  const open = Array.from({ length: OPEN_STORIES }, begin);
  for (let made = 0; made < count; made++) {
    const place = random.below(open.length);
    const held = open[place];
    const story = held === undefined || held.next === held.types.length ? begin() : held;
    open[place] = story;
    const type = story.types[story.next] ?? 'call.initiated';
    story.next += 1;
    yield sampleEvent(type, story.subject, random.pick(SHAPES));
  }
}

function pickTypes(random: Random): readonly string[] {
  let percent = random.below(100);
  for (const [share, types] of STORIES) {
    if (percent < share) return types;
    percent -= share;
  }
  return ['sms.received'];
}
