/** Random bodies of every type, spelling and shape, with few subjects, times and values, so that they collide. */

import { SPELLINGS_WITH_TABLE } from '../../src/core/event/event-types.ts';
import { T0_S } from './events.ts';
import type { Random } from './random.ts';
import {
  FIELD_NAMES,
  type Fragment,
  MESSAGES,
  PLAIN_NUMBERS,
  quoted,
  RECORDING_URLS,
  randomJson,
  TENANTS,
  TIMES,
  UNUSABLE,
  WRONG_TIMES,
} from './random-values.ts';

/** The reasons for which a body cannot be read, or cannot be folded. Each names the field. */
export const PARSE_REASON = /^(the body|the event type|event|data|timestamp|\w+_at) /;
export const FIELD_REASON = new RegExp(
  `^(the [\\w-]+ cannot be attributed to a number: )?(${FIELD_NAMES.join('|')})(\\[\\d+\\])? (must be .+|is missing|has no .+)$`,
);

type Member = readonly [name: string, value: Fragment];

/** An object in which any field may hold any value. */
export function randomObject(random: Random, fieldsMax = 12): Fragment {
  const fields = Array.from({ length: random.below(fieldsMax) }, () => anyMember(random));
  return objectOf(fields);
}

function anyMember(random: Random): Member {
  return [random.pick(FIELD_NAMES), randomJson(random)];
}

function objectOf(members: readonly Member[]): Fragment {
  return `{${members.map(([name, value]) => `${quoted(name)}:${value}`).join(',')}}`;
}

/** What varies between histories. */
export interface Variety {
  /** How many of the values are of a wrong kind, and how many of the times are wrong: 0 to 1. */
  readonly unusable: number;
  readonly numbers: readonly Fragment[];
  readonly tenants: readonly Fragment[];
}

/** For fields of which any text is usable. */
const NO_TEXTS = UNUSABLE.filter((fragment) => !fragment.startsWith('"'));

const PLAIN: Variety = { unusable: 0.04, numbers: PLAIN_NUMBERS, tenants: TENANTS };

function fieldsOf(random: Random, family: string, { unusable, numbers, tenants }: Variety): Member[] {
  const fields: Member[] = [];
  const fragmentOf = (usable: readonly Fragment[], others: readonly Fragment[]) => {
    if (random.chance(unusable)) return random.chance(0.2) ? randomJson(random, 1) : random.pick(others);
    return random.chance(0.08) ? 'null' : random.pick(usable);
  };
  /** @param names in order of precedence: sometimes under two of them, often unusable under the first */
  const maybe = (
    names: readonly string[],
    usable: readonly Fragment[],
    probability = 0.45,
    others: readonly Fragment[] = UNUSABLE,
  ) => {
    if (!random.chance(probability)) return;
    const [first = '', second] = names;
    if (second === undefined || !random.chance(unusable)) {
      fields.push([random.pick(names), fragmentOf(usable, others)]);
    } else {
      fields.push([first, random.chance(0.7) ? random.pick(others) : fragmentOf(usable, others)]);
      fields.push([second, fragmentOf(usable, others)]);
    }
  };

  maybe(['tenant_id'], tenants);
  maybe(['direction'], ['"inbound"', '"outbound"', '"\\ud800"', '"\ufffd"', '"\\u0000"']);
  maybe(['from_number', 'from'], numbers, 0.7, NO_TEXTS);
  maybe(['to_number', 'to'], numbers, 0.45, NO_TEXTS);
  for (const name of ['started_at', 'answered_at', 'ended_at', 'delivered_at', 'received_at', 'created_at'])
    maybe([name], TIMES, 0.15, WRONG_TIMES);

  if (family === 'call') {
    maybe(['duration_seconds', 'duration'], ['0', '-0', '12', '"12"', '12.5', '-3', '1e15']);
    maybe(['total_cost', 'cost'], ['0.0125', '"0.0125"', '0.1', '0', '-0.0000001', '1e300']);
    maybe(['answered_by'], ['"human"', '"machine"', '5']);
    maybe(['cancelled_by'], ['"caller"', '"system"']);
    maybe(['hangup_cause'], ['"NORMAL_CLEARING"', '16', '"16"', '"USER_BUSY"']);
    maybe(['error_code'], ['"E1"', '30003', '"30003"', '1.5']);
    maybe(['error_message'], ['"Busy"', '"Rejected"']);
    maybe(['recording_url'], RECORDING_URLS);
  } else if (family === 'message') {
    maybe(['message', 'body'], MESSAGES, 0.7);
    maybe(['segments'], ['1', '2', '"2"', '1.5']);
    maybe(['media_urls'], ['[]', '["https://m.example/a"]', '["\\ud800","b\\u0000"]', '[1]'], 0.3);
    maybe(['media_count'], ['0', '1', '"3"'], 0.2);
    maybe(['error_code'], ['"E1"', '30003', '"30003"']);
    maybe(['error_message'], ['"Unreachable"', '"Spam"']);
  } else {
    maybe(['duration_seconds', 'duration'], ['12', '"13.25"', '0']);
    maybe(['recording_url'], RECORDING_URLS, 0.6);
    maybe(['size_bytes'], ['1887436', '"1887436"', '9007199254740991', '0.5']);
    maybe(['format'], ['"mp3"', '"wav"']);
    maybe(['error_message'], ['"Too short"', '"No speech"']);
    maybe(['transcription', 'transcript', 'text'], ['"Hello."', '"Hallo."', '"\\udc00"', '"a\\u0000"']);
    maybe(['language'], ['"en"', '"de"']);
    maybe(['confidence'], ['0.97', '"0.5"', '-1', '1e308']);
    maybe(['call_uuid', 'call_id'], ['"s1"', '"s2"']);
    // Looks like the key of a recording without an id.
    maybe(['recording_id', 'recording_sid'], ['"s1#recording.complete"', '"s1#recording.started"'], 0.1);
  }
  return fields;
}

const SUBJECT_FIELDS = {
  call: ['call_uuid', 'call_sid', 'call_id', 'uuid'],
  message: ['message_id', 'message_sid', 'id'],
  recording: ['recording_id', 'recording_sid', 'call_uuid', 'call_id'],
} as const;

function familyOf(type: string): keyof typeof SUBJECT_FIELDS {
  if (/recording|transcription/.test(type)) return 'recording';
  return type.startsWith('call') ? 'call' : 'message';
}

export interface RandomBody {
  readonly body: string;
  readonly eventHeader: string | null;
}

const TYPES_WITHOUT_TABLE = ['call.dtmf', 'fax.received', 'tenant.limit.warning', 'x', 'SMS.Sent'];
const UNUSABLE_TYPES: readonly Fragment[] = ['"sms.sent\\u0000"', '""', '5', '{}'];

/** A body of one of `types`, in one of the three shapes. */
export function randomBody(
  random: Random,
  subjects: readonly string[],
  types: readonly string[] = SPELLINGS_WITH_TABLE,
  variety = PLAIN,
): RandomBody {
  const { unusable } = variety;
  const type = random.chance(0.04) ? random.pick(TYPES_WITHOUT_TABLE) : random.pick(types);
  const family = familyOf(type);
  const fields = fieldsOf(random, family, variety);
  if (random.chance(0.97)) {
    const names = SUBJECT_FIELDS[family];
    if (random.chance(unusable)) fields.push([names[0], random.pick(UNUSABLE)]);
    fields.push([random.pick(names), random.chance(0.1) ? '7' : quoted(random.pick(subjects))]);
  }
  if (random.chance(0.02)) fields.push(['test', 'true']);
  if (random.chance(0.05)) fields.push(['event_id', random.pick(['"evt_1"', '"evt\\u0000"', '9', '{}'])]);
  const time = random.chance(unusable) ? random.pick(WRONG_TIMES) : timestamp(random);
  const isEnvelope = random.chance(0.33);
  const data = isEnvelope && random.chance(0.02) ? randomJson(random, 1) : undefined;
  return shaped(random, type, random.chance(0.6) ? [['timestamp', time]] : [], fields, isEnvelope, data);
}

/** Mostly one of few plain ones, so that events occur at the same time. */
function timestamp(random: Random): Fragment {
  return random.chance(0.5) ? String(T0_S + random.below(3)) : random.pick(TIMES);
}

/** A body of one of `types` in which every value is any JSON, except for most ids. */
export function anyBody(random: Random, subjects: readonly string[], types: readonly string[]): RandomBody {
  const type = random.pick(types);
  const [id] = SUBJECT_FIELDS[familyOf(type)];
  const names = FIELD_NAMES.filter((name) => name !== 'event' && name !== 'data' && random.chance(0.4));
  const fields = names.map((name): Member => [name, randomJson(random)]);
  if (random.chance(0.8)) fields.push([id, quoted(random.pick(subjects))]); // the last of two members counts
  const time: Member[] = random.chance(0.5) ? [['timestamp', randomJson(random)]] : [];
  return shaped(random, type, time, fields, random.chance(0.33));
}

/** @param data instead of an object with the fields, if it is an envelope */
function shaped(
  random: Random,
  type: string,
  time: readonly Member[],
  fields: readonly Member[],
  isEnvelope: boolean,
  data?: Fragment,
): RandomBody {
  const event = random.chance(0.01) ? random.pick(UNUSABLE_TYPES) : quoted(type);
  if (isEnvelope) {
    const members: Member[] = [['event', event], ...time, ['data', data ?? objectOf(fields)]];
    const eventHeader = random.chance(0.3) ? random.pick(SPELLINGS_WITH_TABLE) : null;
    return { body: objectOf(random.shuffle(members)), eventHeader };
  }
  const members = random.shuffle([...time, ...fields]);
  if (random.chance(0.5)) return { body: objectOf(members), eventHeader: type };
  return { body: objectOf([['event', event], ...members]), eventHeader: null };
}
