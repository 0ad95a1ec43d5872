/**
 * What senders send in practice, end to end: signed deliveries to a server, its answers, and what is in the file then.
 * Each case arrives twice: in order, and in reverse order at another server.
 */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runScript } from './scripts/run-script.ts';
import { T0_MS, T0_S } from './support/events.ts';
import { programFolder } from './support/program.ts';
import { deliver, startReceiver, type TestReceiver } from './support/receiver.ts';

interface Sent {
  readonly body: object;
  /** What the answer says besides `success: true`. */
  readonly warnings?: readonly string[];
}

interface Case {
  readonly name: string;
  readonly sent: readonly Sent[];
  readonly sql: string;
  readonly rows: readonly Record<string, unknown>[];
}

/** @param at its `timestamp`, of any kind */
function sent(event: string, data: object, warnings: readonly string[] = [], at?: unknown): Sent {
  return { body: { event, ...(at !== undefined && { timestamp: at }), data }, warnings };
}

const NO_TIME = 'must be an ISO 8601 or RFC 2822 date or a Unix time, from 2000 to 2100, got';

const began = { started_at: '2026-11-17T23:59:30Z', ended_at: '2026-11-18T00:05:00Z' };
const whole = { ...began, answered_at: '2026-11-17T23:59:35Z', duration_seconds: 325 };
const dayOf = "date(initiated_at_ms / 1000, 'unixepoch') AS day";

const LOST_EVENTS: readonly Case[] = [
  {
    name: 'of a call arrives only its end: it was answered, and belongs to the day on which it began',
    sent: [sent('call.completed', { call_uuid: 'lost1', ...whole })],
    sql: `SELECT answered, ${dayOf}, answered_at_ms - initiated_at_ms AS waited_ms, ended_at_ms FROM calls
      WHERE call_uuid = 'lost1'`,
    rows: [
      { answered: 1, day: '2026-11-17', waited_ms: 5000, ended_at_ms: Date.parse('2026-11-18T00:05:00Z') },
    ],
  },
  {
    name: 'its end states only a duration: it was answered',
    sent: [sent('call.completed', { call_uuid: 'lost2', ...began, duration_seconds: 325 })],
    sql: `SELECT answered, answered_at_ms, ${dayOf} FROM calls WHERE call_uuid = 'lost2'`,
    rows: [{ answered: 1, answered_at_ms: null, day: '2026-11-17' }],
  },
  {
    name: 'it ended without being answered: no duration, or a cause that is not normal',
    sent: [
      sent('call.completed', { call_uuid: 'lost3', ...began, duration_seconds: 0 }),
      sent('call.completed', { call_uuid: 'lost4', duration: 30, hangup_cause: 'NO_ANSWER' }),
      sent('call.no_answer', { call_uuid: 'lost5', ...began, duration_seconds: 30 }),
    ],
    sql: "SELECT answered FROM calls WHERE call_uuid IN ('lost3', 'lost4', 'lost5')",
    rows: [{ answered: 0 }, { answered: 0 }, { answered: 0 }],
  },
  {
    name: 'a failed call states when it began and was answered',
    sent: [sent('call.failed', { call_uuid: 'lost6', ...whole, error_code: 'X' })],
    sql: `SELECT status, answered, error_code, ${dayOf} FROM calls WHERE call_uuid = 'lost6'`,
    rows: [{ status: 'failed', answered: 1, error_code: 'X', day: '2026-11-17' }],
  },
];

const url = 'https://r.example/1.wav';
const recording = (call_id: string, more: object) => sent('call.recording.completed', { call_id, ...more });

const RECORDINGS: readonly Case[] = [
  {
    name: 'two recordings of a call without ids are two rows',
    sent: [
      recording('rec1', { recording_url: url, duration: 10 }),
      recording('rec1', { recording_url: 'https://r.example/2.wav', duration: 20 }),
    ],
    sql: `SELECT recording_url, duration_seconds FROM report_recordings WHERE call_uuid = 'rec1' ORDER BY 1`,
    rows: [
      { recording_url: url, duration_seconds: 10 },
      { recording_url: 'https://r.example/2.wav', duration_seconds: 20 },
    ],
  },
  {
    name: 'one recording whose URL is signed again is one row',
    sent: [
      recording('rec2', { recording_url: `${url}?X-Amz-Date=1&X-Amz-Signature=a` }),
      recording('rec2', { recording_url: `${url}?X-Amz-Date=2&X-Amz-Signature=b`, n: 2 }),
      recording('rec2', { recording_url: `${url}?Expires=3&Signature=c&Key-Pair-Id=k` }),
      recording('rec2', { recording_url: `${url}?sv=2024&se=4&sp=r&sig=d` }),
      recording('rec2', { recording_url: `${url}#t=5` }),
    ],
    sql: "SELECT event_count FROM recordings WHERE call_uuid = 'rec2'",
    rows: [{ event_count: 5 }],
  },
  {
    name: 'what names only its call is no recording, and a transcript belongs to the only one',
    sent: [
      sent('call.recording.started', { call_id: 'rec3' }),
      recording('rec3', { recording_url: url }),
      sent('transcription.completed', { call_id: 'rec3', text: 'Hello.' }),
    ],
    sql: "SELECT status, transcription FROM report_recordings WHERE call_uuid = 'rec3'",
    rows: [{ status: 'transcribed', transcription: 'Hello.' }],
  },
  {
    name: 'an id is used even beside a URL, and a number is an id',
    sent: [
      sent('recording.complete', { recording_id: 77, call_uuid: 'rec4', recording_url: url }),
      sent('recording.transcribed', { recording_sid: '77', transcript: 'Yes.' }),
    ],
    sql: "SELECT recording_id, status, transcription FROM recordings WHERE call_uuid = 'rec4'",
    rows: [{ recording_id: '77', status: 'transcribed', transcription: 'Yes.' }],
  },
];

const CENTS = 'total_cost must be an amount, got text';

const BAD_VALUES: readonly Case[] = [
  {
    name: 'a cost with a currency sign: the call is completed all the same',
    sent: [
      sent('call.initiated', { call_uuid: 'bad1' }, [], T0_S - 120),
      sent('call.answered', { call_uuid: 'bad1' }, [], T0_S - 115),
      sent('call.completed', { call_uuid: 'bad1', duration_seconds: 115, total_cost: '$0.05' }, [CENTS]),
    ],
    sql: `SELECT status, answered, duration_seconds, total_cost FROM calls WHERE call_uuid = 'bad1'`,
    rows: [{ status: 'completed', answered: 1, duration_seconds: 115, total_cost: null }],
  },
  {
    name: 'an error code below 0',
    sent: [
      sent('call.failed', { call_uuid: 'bad2', error_code: -1, error_message: 'Rejected' }, [
        'error_code must be text or a whole number from 0 to 2^53 - 1, got a negative number',
      ]),
    ],
    sql: "SELECT status, error_code, error_message FROM calls WHERE call_uuid = 'bad2'",
    rows: [{ status: 'failed', error_code: null, error_message: 'Rejected' }],
  },
  {
    name: 'media as objects: the message is there',
    sent: [
      sent(
        'sms.received',
        {
          message_id: 'bad3',
          message: 'Look!',
          media_urls: [{ url: 'https://m.example/1' }],
          media_count: 1,
        },
        ['media_urls[0] must be text, got an object'],
      ),
    ],
    sql: "SELECT status, message, media_urls, media_count FROM sms_messages WHERE message_id = 'bad3'",
    rows: [{ status: 'received', message: 'Look!', media_urls: null, media_count: 1 }],
  },
  {
    name: 'empty texts where there is nothing to say are no values, and nothing is wrong with them',
    sent: [
      sent('mms.received', { message_id: 'empty', message: '', media_urls: '', segments: '', tenant_id: '' }),
    ],
    sql: "SELECT message, media_urls, media_count, segments, tenant_id FROM sms_messages WHERE message_id = 'empty'",
    rows: [{ message: '', media_urls: null, media_count: null, segments: null, tenant_id: null }],
  },
  {
    name: 'all that is wrong is named, sorted, each text once',
    sent: [
      sent(
        'sms.sent',
        { message_id: 'bad4', segments: 'two', to: ['+15551230001'], direction: 1, created_at: 'soon' },
        [
          `created_at ${NO_TIME} text`,
          'direction must be text, got a number',
          'segments must be a whole number ≥ 0, got text',
          'to must be text or a whole number from 0 to 2^53 - 1, got a list',
        ],
      ),
    ],
    sql: "SELECT status, segments, to_number, sent_at_ms FROM sms_messages WHERE message_id = 'bad4'",
    rows: [{ status: 'sent', segments: null, to_number: null, sent_at_ms: T0_MS }],
  },
  {
    name: 'a good value under another spelling counts',
    sent: [
      sent(
        'call.completed',
        { call_uuid: 'bad5', total_cost: '0,05', cost: 0.05, duration_seconds: -1, duration: 9 },
        ['duration_seconds must be a number ≥ 0, got a negative number', CENTS],
      ),
    ],
    sql: "SELECT duration_seconds, total_cost FROM calls WHERE call_uuid = 'bad5'",
    rows: [{ duration_seconds: 9, total_cost: 0.05 }],
  },
  {
    name: 'a recording without a usable size, confidence or id',
    sent: [
      sent(
        'recording.complete',
        {
          recording_id: { id: 1 },
          call_uuid: 'bad6',
          recording_url: url,
          size_bytes: '1.8 MB',
          format: 'wav',
        },
        [
          'recording_id must be text or a whole number from 0 to 2^53 - 1, got an object',
          'size_bytes must be a whole number ≥ 0, got text',
        ],
      ),
    ],
    sql: "SELECT status, size_bytes, format, identified_by FROM recordings WHERE call_uuid = 'bad6'",
    rows: [{ status: 'complete', size_bytes: null, format: 'wav', identified_by: 'url' }],
  },
];

const MS = Date.parse('2025-11-20T23:00:00Z');

/** Spellings of a time, and its milliseconds; without them it cannot be read, and the signed time counts. */
const TIMES: readonly (readonly [unknown, number?])[] = [
  [1763679600, MS],
  [1763679600123, MS + 123],
  [1763679600.123, MS + 123],
  [1763679600123456, MS + 123],
  [1763679600123456000, MS + 123],
  ['1763679600', MS],
  ['1763679600.5', MS + 500],
  ['1763679600123', MS + 123],
  ['2025-11-20T23:00:00Z', MS],
  ['2025-11-20T23:00:00.123456789Z', MS + 123],
  ['2025-11-20T18:00:00-05:00', MS],
  ['2025-11-20 23:00:00 +0000', MS],
  ['2025-11-20 23:00:00 UTC', MS],
  ['20251120T230000Z', MS],
  ['2025-11-20T23:59:60Z', MS + 3_600_000],
  ['2025-11-20T24:00:00Z', MS + 3_600_000],
  ['Thu, 20 Nov 2025 23:00:00 +0000', MS],
  ['Thu, 20 Nov 2025 18:00:00 EST', MS],
  ['20 Nov 2025 23:00:00 GMT', MS],
  [' 2025-11-20T23:00:00Z ', MS],
  ['yesterday'],
  ['2025-11-31T00:00:00Z'],
  ['11/20/2025 23:00'],
  [0],
  [true],
  [[MS]],
  [{ $date: MS }],
];

const kindOf = (value: unknown) =>
  Array.isArray(value)
    ? 'a list'
    : ({ object: 'an object', string: 'text' }[typeof value as 'object'] ?? `a ${typeof value}`);

const READ_TIMES: readonly Case[] = [
  ...TIMES.map(([time, ms], index) => ({
    name: `a timestamp ${JSON.stringify(time)} ${ms === undefined ? 'is named, and the signed time counts' : 'is read'}`,
    sent: [
      sent(
        'sms.sent',
        { message_id: `time${index}` },
        ms === undefined ? [`timestamp ${NO_TIME} ${kindOf(time)}`] : [],
        time,
      ),
    ],
    sql: `SELECT sent_at_ms FROM sms_messages WHERE message_id = 'time${index}'`,
    rows: [{ sent_at_ms: ms ?? T0_MS }],
  })),
  {
    name: 'the next time that is stated counts instead of one that cannot be read',
    sent: [
      sent(
        'sms.delivered',
        { message_id: 'times', delivered_at: T0_S - 5, created_at: T0_S - 9 },
        [`timestamp ${NO_TIME} text`],
        'yesterday',
      ),
    ],
    sql: "SELECT delivered_at_ms FROM sms_messages WHERE message_id = 'times'",
    rows: [{ delivered_at_ms: T0_MS - 5000 }],
  },
  {
    name: 'a clock that is years ahead does not win for ever',
    sent: [
      sent(
        'sms.sent',
        { message_id: 'ahead', message: 'first' },
        ['timestamp must be at most 60 minutes after the signature'],
        '2036-01-01T00:00:00Z',
      ),
      sent('sms.sent', { message_id: 'ahead', message: 'second' }, [], T0_S + 60),
    ],
    sql: "SELECT message, sent_at_ms FROM sms_messages WHERE message_id = 'ahead'",
    rows: [{ message: 'second', sent_at_ms: T0_MS }],
  },
];

const shown = (id: string) =>
  `SELECT status, error_code, error_message FROM sms_messages WHERE message_id = '${id}'`;
const spam = { error_code: '30003', error_message: 'Unreachable' };
const delivered = { status: 'delivered', error_code: null, error_message: null };

const STATUSES: readonly Case[] = [
  {
    name: 'an MMS is delivered like an SMS',
    sent: [
      sent('mms.sent', { message_id: 'mms1' }, [], T0_S - 2),
      sent('mms.delivered', { message_id: 'mms1' }, [], T0_S - 1),
    ],
    sql: shown('mms1'),
    rows: [delivered],
  },
  ...['mms.failed', 'sms.undelivered', 'mms.undelivered'].map((type) => ({
    name: `${type} is failed, with its error`,
    sent: [
      sent('sms.sent', { message_id: type }, [], T0_S - 2),
      sent(type, { message_id: type, ...spam }, [], T0_S - 1),
    ],
    sql: shown(type),
    rows: [{ status: 'failed', ...spam }],
  })),
  {
    name: 'what was delivered after a failure has no error',
    sent: [
      sent('sms.failed', { message_id: 'late', ...spam }, [], T0_S - 2),
      sent('sms.delivered', { message_id: 'late' }, [], T0_S - 1),
    ],
    sql: shown('late'),
    rows: [delivered],
  },
  {
    name: 'what failed after all keeps the error of the failure',
    sent: [
      sent('sms.delivered', { message_id: 'early' }, [], T0_S - 2),
      sent('mms.undelivered', { message_id: 'early', ...spam }, [], T0_S - 1),
    ],
    sql: shown('early'),
    rows: [{ status: 'failed', ...spam }],
  },
  {
    name: 'a call that was completed has no error of an attempt that failed',
    sent: [
      sent('call.failed', { call_uuid: 'again', ...spam }, [], T0_S - 2),
      sent('call.completed', { call_uuid: 'again', duration: 3 }, [], T0_S - 1),
    ],
    sql: "SELECT status, error_code, error_message FROM calls WHERE call_uuid = 'again'",
    rows: [{ ...delivered, status: 'completed' }],
  },
  {
    name: 'a recording that failed says why',
    sent: [
      sent('call.recording.started', { recording_id: 'fail', call_id: 'f' }, [], T0_S - 2),
      sent('call.recording.failed', { recording_id: 'fail', error_message: 'Disk full' }, [], T0_S - 1),
    ],
    sql: "SELECT status, error_message, failed_at_ms FROM recordings WHERE recording_id = 'fail'",
    rows: [{ status: 'failed', error_message: 'Disk full', failed_at_ms: T0_MS - 1000 }],
  },
];

const SUBJECTS = {
  'events of a call that were lost': LOST_EVENTS,
  'recordings without an id': RECORDINGS,
  'values that cannot be used': BAD_VALUES,
  'spellings of times': READ_TIMES,
  'statuses and errors of messages': STATUSES,
};

for (const order of ['in order', 'in reverse order']) {
  describe(`deliveries that arrive ${order}`, () => {
    let receiver: TestReceiver;
    before(async () => {
      receiver = await startReceiver({ now: () => T0_MS });
    });
    after(() => receiver.close());

    for (const [subject, cases] of Object.entries(SUBJECTS)) {
      describe(subject, () => {
        for (const { name, sent, sql, rows } of cases) {
          it(name, async () => {
            for (const { body, warnings = [] } of order === 'in order' ? sent : sent.toReversed()) {
              const { status, json } = await deliver(receiver, body, { timestamp: T0_S });
              const { success, error, duplicate, seq } = json;
              assert.deepEqual(
                { status, success, error, duplicate, warnings: json['warnings'] ?? [] },
                { status: 200, success: true, error: undefined, duplicate: false, warnings },
              );
              const failures = receiver.rows('SELECT field, error FROM failures WHERE seq = ?', seq);
              assert.deepEqual([...new Set(failures.map((each) => each['error']))].toSorted(), warnings);
              assert.ok(failures.every(({ field }) => field !== ''));
            }
            assert.deepEqual(receiver.rows(sql), rows);
          });
        }
      });
    }

    it('leave a log that verifies, and tables that equal rebuilt ones', async () => {
      const env = { DATABASE_URL: `file:${receiver.databasePath}`, WEBHOOK_SECRET: '5e'.repeat(32) };
      for (const [command, ...args] of [['verify'], ['rebuild', '--check']] as const) {
        const { code, stdout, stderr } = await runScript(command, args, { env });
        assert.equal(code, 0, stdout + stderr);
      }
    });
  });
}

it('a repetition gets the warnings of the first delivery, also after a rebuild and a restart', async () => {
  const warnings = [
    'error_code must be text or a whole number from 0 to 2^53 - 1, got a fraction',
    'from_number must be text or a whole number from 0 to 2^53 - 1, got an object',
    'message_id must be text or a whole number from 0 to 2^53 - 1, got a list',
    `timestamp ${NO_TIME} text`,
  ];
  const data = { message_id: ['m1'], id: 'm1', from_number: {}, from: '+15551230001', error_code: 1.5 };
  const body = { event: 'sms.failed', timestamp: 'yesterday', data };
  const answer = { success: true, message: 'Webhook processed', event: 'sms.failed', seq: 1, warnings };
  const folder = programFolder();
  try {
    let server = folder.start();
    const post = async () => {
      const { json } = await deliver(await server.listening(), body);
      delete json['request_id'];
      return json;
    };
    assert.deepEqual(await post(), { ...answer, duplicate: false });
    assert.deepEqual(await post(), { ...answer, duplicate: true });
    const env = { DATABASE_URL: `file:${folder.databasePath}` };
    const { code, stdout, stderr } = await runScript('rebuild', [], { env });
    assert.equal(code, 0, stdout + stderr);
    assert.deepEqual(await post(), { ...answer, duplicate: true });
    await server.stop();
    server = folder.start();
    assert.deepEqual(await post(), { ...answer, duplicate: true });
    assert.deepEqual(server.rows('SELECT stage, field FROM failures ORDER BY stage, field'), [
      { stage: 'parse', field: 'timestamp' },
      { stage: 'sms_messages', field: 'error_code' },
      { stage: 'sms_messages', field: 'from_number' },
      { stage: 'sms_messages', field: 'message_id' },
    ]);
    assert.deepEqual(server.rows('SELECT from_number, status FROM sms_messages WHERE message_id = ?', 'm1'), [
      { from_number: '+15551230001', status: 'failed' },
    ]);
    await server.stop();
  } finally {
    await folder.remove();
  }
});
