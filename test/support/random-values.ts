/**
 * Values of the fields of an event as JSON text: in the spellings of different senders, and unusable ones. There are few
 * of each, so that the events of a history state equal values, and values at equal times.
 */

import { T0_MS, T0_S } from './events.ts';
import type { Random } from './random.ts';

/** A fragment of JSON text, which may contain what `JSON.stringify` cannot write: 1e400, lone surrogates, -0. */
export type Fragment = string;

export const quoted = (text: string): Fragment => JSON.stringify(text);

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

const SCALARS: readonly Fragment[] = [
  ...['null', 'true', 'false', '0', '-0', '1', '-1', '1.5', '42', '1e400', '-1e400', '1e-400', '1e21'],
  ...['9007199254740991', '9007199254740992', '9007199254740993', '-9007199254740993', '0.1', '5e-324'],
  ...[String(T0_S), String(T0_MS), '99999999999', '100000000000', '4133980800', '946684799'],
  ...['""', '" "', '"STOP"', '" start "', '"+15551230001"', '"491701234567"', '"12"', '"12.5"', '"-1"'],
  ...['"1e3"', '"NaN"', '"2026-11-23T17:00:00Z"', '"2026-02-30"', '"soon"', '"inbound"', '"\\u0000"'],
  ...['"\\ud800"', '"\\udc00x"', '"\\ud83d\\ude00"', '"a\\u2028b"', '"\\u001b[2J"', '"ß"', '"İ"'],
  quoted('x'.repeat(300)),
];

/** Any JSON value, with at most a few levels of nesting. */
export function randomJson(random: Random, depth = 3): Fragment {
  if (depth === 0 || random.chance(0.8)) return random.pick(SCALARS);
  const items = Array.from({ length: random.below(4) }, () => randomJson(random, depth - 1));
  if (random.chance(0.5)) return `[${items.join(',')}]`;
  return `{${items.map((item) => `${quoted(random.pick(FIELD_NAMES))}:${item}`).join(',')}}`;
}

/** What senders write instead of a value of the right kind. */
export const UNUSABLE: readonly Fragment[] = [
  ...['-1', '1.5', 'true', '{}', '[]', '["x"]', '["x",1]', '{"amount":1}', '[{"url":"x"}]', '1e400', '""'],
  ...['"$0.05"', '"0,05"', '"soon"', '"yesterday"', '9007199254740993', '"n/a"', '"00:05:25"'],
];

const DAY_S = 86_400;
const iso = (second: number) => new Date(second * 1000).toISOString();

/** Spellings of one second. */
function spelled(second: number): Fragment[] {
  const plain = iso(second).slice(0, 19);
  return [
    ...[String(second), `${second}000`, `${second}000000`, `${second}000000000`, `${second}.0`],
    ...[`${second}.123`, `"${second}"`, `"${second}000"`, `"${plain}Z"`, `"${plain}.000000000Z"`],
    ...[`"${plain.replace('T', ' ')} +0000"`, `"${iso(second + 7200).slice(0, 19)}+02:00"`],
    ...[`"${plain.replaceAll(/[:-]/g, '')}Z"`, quoted(new Date(second * 1000).toUTCString())],
    quoted(new Date(second * 1000).toUTCString().replace('GMT', '+0000')),
  ];
}

/** The next full minute. Its spelling as second 60 belongs to the minute before. */
const MINUTE_S = Math.ceil(T0_S / 60) * 60;

/** T0 to T0 + 2 s, and the next full minute. */
export const TIMES: readonly Fragment[] = [
  ...[T0_S, T0_S + 1, T0_S + 2, MINUTE_S].flatMap(spelled),
  quoted(`${iso(MINUTE_S - 60).slice(0, 17)}60Z`),
];

/** Of wrong clocks, some of them at the bounds for signatures of T0 to T0 + 3 s; and texts that are no times. */
export const WRONG_TIMES: readonly Fragment[] = [
  ...[3_600, 3_601, 3_602, 3_603, 7_200, 365 * DAY_S].map((ahead) => String(T0_S + ahead)),
  ...[0, -1, -2, -3, 1, 365 * DAY_S, 20 * 365 * DAY_S].map((behind) => String(T0_S - 7 * DAY_S - behind)),
  ...[quoted(iso(T0_S + 3 * 3_600)), quoted(iso(T0_S - 3 * 365 * DAY_S)), '"2026-02-30"', '"soon"', '0'],
  ...['"yesterday"', '-1', 'true', '{}', '[]', '1e400', '"2026-11-23T25:00:00Z"', '946684799', '""', 'null'],
];

/** Each number in few spellings, so that an event can be found by the key of its contact. */
export const PLAIN_NUMBERS: readonly Fragment[] = [
  ...['"+15551230001"', '15551230001', '"15551230001"', '"+442079460000"', '"12345"'],
  ...['"ACME-DE"', '""'],
];

/** The spellings of one number. */
export const ONE_NUMBER: readonly Fragment[] = [
  ...['"+15551230001"', '"+15551230001"', '15551230001', '"15551230001"', '"001 555 123 0001"'],
  ...['"+1 (555) 123-0001"', '"011 1 555 123 0001"', '"\\u202a+1\\u00a0555\\u2011123\\u20110001"'],
];

export const NUMBERS: readonly Fragment[] = [
  ...ONE_NUMBER,
  ...['"(555) 123-0001"', '"12345"', '"ACME-DE"', '"+44 (0)20 7946 0000"', '"+442079460000"', '"sip:a@b"'],
  ...['"😀"', '"\\ue000"', '"\\ud800"', '"\\u0000"', '"anonymous"', '""', quoted('1'.repeat(600))],
];

export const TENANTS: readonly Fragment[] = ['"A"', '"A"', '"B"', '42', '"42"', '"*"', '"a\\u0000"', '""'];

export const MESSAGES: readonly Fragment[] = [
  ...[
    '"STOP"',
    '"STOP."',
    '"ＳＴＯＰ"',
    '"opt-out"',
    '"Opt Out"',
    '"ARRÊT"',
    '"STOP\\u200b"',
    '"stop\\u00a0"',
  ],
  ...['"START"', '"START"', '"Start."', '"start!"', '"yes"', '"Unstop"', '"HELP"', '"\\u0000Stop"'],
  ...['"Stop. Thank you"', '"stop it"', '"Hello"', '""', '"a\\u0000b"', '3'],
];

/** Two recordings, each under several URLs, and others that look like them. */
export const RECORDING_URLS: readonly Fragment[] = [
  ...['1', '2'].flatMap((name) => {
    const url = `https://rec.example/${name}.wav`;
    return [
      ...[url, url, `${url}#t=1`, `${url}?X-Amz-Date=1&X-Amz-Signature=a`, `${url}?X-Amz-Signature=b`],
      ...[`${url}?sv=1&sig=a`, `${url}?sv=2&se=3&sig=b`, `${url}?GoogleAccessId=g&Expires=1&Signature=s`],
    ].map(quoted);
  }),
  ...['"https://rec.example/1.wav?part=2"', '"https://REC.example/1.wav"', '"/1.wav"', '"not a URL"', '""'],
];

const LONG = 'k'.repeat(509);

/** Ids, some of which differ only after the first 512 bytes, or only in what no database can hold. */
export const SUBJECTS: readonly string[] = [
  ...['s1', 's2', 'S1', 's\u0000', 's\ud800', 's\ufffd'],
  ...[`${LONG}kkk`, `${LONG}kkkk`, `${LONG}kkkkA`, `${LONG}kkkkB`, `${LONG}éA`, `${LONG}é`, `${LONG}\u0000k`],
  `${'k'.repeat(99)}${'😀'.repeat(120)}`,
];
