/** Random bodies of every type, spelling and shape, with few subjects, times and values, so that they collide. */

import { SPELLINGS_WITH_TABLE } from '../../src/core/event/event-types.ts';
import { T0_MS, T0_S } from './events.ts';
import type { Random } from './random.ts';

/** A fragment of JSON text, which may contain what `JSON.stringify` cannot write: 1e400, lone surrogates, -0. */
type Fragment = string;

const quoted = (text: string): Fragment => JSON.stringify(text);

/** Every field name that is read from an event, by a projection or before. */
export const FIELD_NAMES: readonly string[] = [
  ...['call_uuid', 'call_sid', 'call_id', 'uuid', 'message_id', 'message_sid', 'id'],
  ...['recording_id', 'recording_sid', 'tenant_id', 'direction', 'from_number', 'from', 'to_number', 'to'],
  ...['message', 'body', 'duration_seconds', 'duration', 'total_cost', 'cost', 'transcription', 'transcript'],
  ...['text', 'answered_by', 'cancelled_by', 'hangup_cause', 'error_code', 'error_message', 'recording_url'],
  ...['segments', 'media_urls', 'media_count', 'size_bytes', 'format', 'language', 'confidence', 'status'],
  ...['timestamp', 'ended_at', 'delivered_at', 'received_at', 'answered_at', 'started_at', 'created_at'],
  ...['test', 'event', 'event_id', 'data', '__proto__', 'constructor', 'toString'],
];

/** The reasons for which a body cannot be read, or cannot be folded. Each names the field. */
export const PARSE_REASON = /^(the body|the event type|event|data|timestamp|\w+_at) /;
export const FIELD_REASON = new RegExp(`^(${FIELD_NAMES.join('|')})(\\[\\d+\\])? (must be .+|is missing)$`);

/** Any JSON value, with at most a few levels of nesting. */
export function randomJson(random: Random, depth = 3): Fragment {
  const scalars: Fragment[] = [
    ...['null', 'true', 'false', '0', '-0', '1', '-1', '1.5', '42', '1e400', '-1e400', '1e-400', '1e21'],
    ...['9007199254740991', '9007199254740992', '9007199254740993', '-9007199254740993', '0.1', '5e-324'],
    ...[String(T0_S), String(T0_MS), '99999999999', '100000000000', '4133980800', '946684799'],
    ...['""', '" "', '"STOP"', '" start "', '"+15551230001"', '"491701234567"', '"12"', '"12.5"', '"-1"'],
    ...['"1e3"', '"NaN"', '"2026-11-23T17:00:00Z"', '"2026-02-30"', '"soon"', '"inbound"', '"\\u0000"'],
    ...['"\\ud800"', '"\\udc00x"', '"\\ud83d\\ude00"', '"a\\u2028b"', '"\\u001b[2J"', '"ß"', '"İ"'],
    quoted('x'.repeat(300)),
  ];
  if (depth === 0 || random.chance(0.8)) return random.pick(scalars);
  const items = Array.from({ length: random.below(4) }, () => randomJson(random, depth - 1));
  if (random.chance(0.5)) return `[${items.join(',')}]`;
  return `{${items.map((item) => `${quoted(random.pick(FIELD_NAMES))}:${item}`).join(',')}}`;
}

/** An object in which any field may hold any value. */
export function randomObject(random: Random, fieldsMax = 12): Fragment {
  const fields = Array.from(
    { length: random.below(fieldsMax) },
    () => `${quoted(random.pick(FIELD_NAMES))}:${randomJson(random)}`,
  );
  return `{${fields.join(',')}}`;
}

/** Values of the right kind, few of each, and occasionally an unusable one. */
function fieldsOf(random: Random, family: string): [string, Fragment][] {
  const fields: [string, Fragment][] = [];
  const maybe = (names: readonly string[], values: readonly Fragment[], probability = 0.45) => {
    if (!random.chance(probability)) return;
    fields.push([
      random.pick(names),
      random.chance(0.02) ? randomJson(random, 1) : random.chance(0.08) ? 'null' : random.pick(values),
    ]);
  };
  const times = (second: number) => [
    String(T0_S + second),
    String(T0_MS + second * 1000),
    quoted(new Date(T0_MS + second * 1000).toISOString()),
    quoted(new Date(T0_MS + second * 1000 + 7_200_000).toISOString().replace('Z', '+02:00')),
  ];
  const anyTime = [0, 1, 2].flatMap(times);

  maybe(['tenant_id'], ['42', '"42"', '7', '"T"', '""']);
  maybe(['direction'], ['"inbound"', '"outbound"', '"\\ud800"', '"\ufffd"']);
  maybe(['from_number', 'from'], ['"+15551230001"', '15551230001', '"15551230001"', '""'], 0.7);
  maybe(['to_number', 'to'], ['"+15551239999"', '"😀"', '"\\ue000"', '"\\ud800"', '"\\u0000"']);
  for (const name of ['started_at', 'answered_at', 'ended_at', 'delivered_at', 'received_at', 'created_at'])
    maybe([name], anyTime, 0.15);

  if (family === 'call') {
    maybe(['duration_seconds', 'duration'], ['0', '-0', '12', '"12"', '12.5', '-3', '1e15']);
    maybe(['total_cost', 'cost'], ['0.0125', '"0.0125"', '0.1', '0', '-0.0000001', '1e300']);
    maybe(['answered_by'], ['"human"', '"machine"', '5']);
    maybe(['cancelled_by'], ['"caller"', '"system"']);
    maybe(['hangup_cause'], ['"NORMAL_CLEARING"', '16', '"16"', '"USER_BUSY"']);
    maybe(['error_code'], ['"E1"', '30003', '"30003"', '1.5']);
    maybe(['error_message'], ['"Busy"', '"Rejected"']);
    maybe(['recording_url'], ['"https://rec.example/1"', '"https://rec.example/2"']);
  } else if (family === 'sms' || family === 'mms') {
    maybe(
      ['message', 'body'],
      ['"Hello"', '""', '" Stop "', '"START"', '"yes"', '"HELP"', '"stop it"', '3'],
      0.7,
    );
    maybe(['segments'], ['1', '2', '"2"', '1.5']);
    maybe(['media_urls'], ['[]', '["https://m.example/a"]', '["\\ud800","b"]', '[1]'], 0.3);
    maybe(['media_count'], ['0', '1', '"3"'], 0.2);
    maybe(['error_code'], ['"E1"', '30003', '"30003"']);
    maybe(['error_message'], ['"Unreachable"', '"Spam"']);
  } else {
    maybe(['duration_seconds', 'duration'], ['12', '"13.25"', '0']);
    maybe(['recording_url'], ['"https://rec.example/1"', '"https://rec.example/2"']);
    maybe(['size_bytes'], ['1887436', '"1887436"', '9007199254740991', '0.5']);
    maybe(['format'], ['"mp3"', '"wav"']);
    maybe(['transcription', 'transcript', 'text'], ['"Hello."', '"Hallo."', '"\\udc00"']);
    maybe(['language'], ['"en"', '"de"']);
    maybe(['confidence'], ['0.97', '"0.5"', '-1', '1e308']);
    maybe(['call_uuid', 'call_id'], ['"s1"', '"s2"']);
  }
  return fields;
}

const SUBJECT_FIELDS: Readonly<Record<string, readonly string[]>> = {
  call: ['call_uuid', 'call_sid', 'call_id', 'uuid'],
  sms: ['message_id', 'message_sid', 'id'],
  mms: ['message_id', 'message_sid', 'id'],
  recording: ['recording_id', 'recording_sid', 'call_uuid', 'call_id'],
};

export interface RandomBody {
  readonly body: string;
  readonly eventHeader: string | null;
}

/** A mostly valid body: of one of `types`, in one of the three shapes. */
export function randomBody(
  random: Random,
  subjects: readonly string[],
  types: readonly string[] = SPELLINGS_WITH_TABLE,
): RandomBody {
  const type = random.chance(0.04)
    ? random.pick(['call.dtmf', 'fax.received', 'tenant.limit.warning', 'x'])
    : random.pick(types);
  const [first = ''] = type.split('.');
  const family = /recording|transcription/.test(type) ? 'recording' : first;
  const fields = fieldsOf(random, family);
  if (random.chance(0.97)) {
    const subject = random.pick(subjects);
    fields.push([random.pick(SUBJECT_FIELDS[family] ?? ['id']), random.chance(0.1) ? '7' : quoted(subject)]);
  }
  if (random.chance(0.02)) fields.push(['test', 'true']);
  const timestamp: [string, Fragment][] = random.chance(0.6)
    ? [['timestamp', random.chance(0.03) ? '"soon"' : String(T0_S + random.below(3))]]
    : [];
  const object = (members: [string, Fragment][]) =>
    `{${random
      .shuffle(members)
      .map(([name, value]) => `${quoted(name)}:${value}`)
      .join(',')}}`;
  switch (random.below(3)) {
    case 0:
      return {
        body: object([
          ['event', quoted(type)],
          ...timestamp,
          ['data', random.chance(0.02) ? randomJson(random, 1) : object(fields)],
        ]),
        eventHeader: random.chance(0.3) ? random.pick(SPELLINGS_WITH_TABLE) : null,
      };
    case 1:
      return { body: object([...timestamp, ...fields]), eventHeader: type };
    default:
      return { body: object([['event', quoted(type)], ...timestamp, ...fields]), eventHeader: null };
  }
}
