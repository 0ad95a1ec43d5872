/** The report views: which numbers they give for which events. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { REPORT_VIEWS_VERSION, reportViews } from '../../src/projections/report-views.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { delivery, T0_MS } from '../support/events.ts';

const DAY_S = 86_400;
/** Noon on the day of T0, UTC. */
const NOON_S = Math.floor(T0_MS / 1000 / DAY_S) * DAY_S + DAY_S / 2;
const day = (atS: number) => new Date(atS * 1000).toISOString().slice(0, 10);
const TODAY = day(NOON_S);
const TOMORROW = day(NOON_S + DAY_S);

it('the views are those of their version', () => {
  const digest = createHash('sha256').update(JSON.stringify(reportViews)).digest('hex');
  assert.deepEqual(
    { version: REPORT_VIEWS_VERSION, digest },
    { version: 4, digest: 'c3d703fe4b0465de0db235e898ffe1d3b16cfb4fe34fc42d6dcb3e32ac16880d' },
    'a server recreates them only for a new REPORT_VIEWS_VERSION: increase it with any change',
  );
});

it('of recordings adds transcripts and failures that name only a call, however long the id of the call is', () => {
  const ids = ['short', ...[489, 490, 511, 512].map((length) => 'L'.repeat(length))];
  const opened = openTestDatabase();
  try {
    const says = (event: string, call_id: string, data: object, atS = NOON_S) =>
      delivery({ event, timestamp: atS, data: { call_id, ...data } }, { signedAt: atS });
    for (const [id, ...types] of ids.flatMap((id) => [
      [`${id}1`, 'transcription.completed'],
      [`${id}2`, 'transcription.failed'],
      [`${id}3`, 'transcription.failed', 'transcription.completed'],
      [`${id}4`, 'transcription.completed', 'transcription.failed'],
    ]))
      opened.appender.append([
        says('call.recording.completed', String(id), { recording_url: 'https://r.example/1' }),
        ...types.map((type, n) => says(type, String(id), { text: 'Hi' }, NOON_S + n)),
      ]);
    const found = opened
      .rows(
        'SELECT shown.status FROM report_recordings AS shown JOIN recordings USING (recording_id) ORDER BY first_seq',
      )
      .map(({ status }) => status);
    const one = ['transcribed', 'transcription_failed', 'transcribed', 'transcription_failed'];
    assert.deepEqual(
      found,
      ids.flatMap(() => one),
    );
  } finally {
    opened.close();
  }
});

describe('the report', () => {
  let opened: TestDatabase;
  const report = (name: string, order: string) => opened.rows(`SELECT * FROM ${name} ORDER BY ${order}`);

  before(() => {
    opened = openTestDatabase();
    const call = (id: string, event: string, atS: number, data: object = {}) => ({
      event: `call.${event}`,
      timestamp: atS,
      data: { call_uuid: id, ...data },
    });
    const sms = (id: string, event: string, atS: number, data: object = {}) => ({
      event: `sms.${event}`,
      timestamp: atS,
      data: { message_id: id, ...data },
    });
    const recording = (id: string, url: string) => ({
      event: 'call.recording.completed',
      timestamp: NOON_S,
      data: { call_id: id, recording_url: url },
    });
    const bodies = [
      call('a', 'initiated', NOON_S, { from: '+1', to: '+2' }),
      call('a', 'answered', NOON_S + 5),
      call('a', 'completed', NOON_S + 95, { duration: 90, cost: 0.1 }),
      call('b', 'answered', NOON_S),
      call('b', 'completed', NOON_S + 60, { duration: 60, cost: '0.2' }),
      call('c', 'busy', NOON_S + 1),
      call('d', 'initiated', NOON_S + DAY_S / 2 - 1),
      call('d', 'no_answer', NOON_S + DAY_S / 2 + 20),
      call('e', 'ringing', NOON_S + DAY_S),
      sms('m1', 'sent', NOON_S, { segments: 2 }),
      sms('m1', 'delivered', NOON_S + 1),
      sms('m2', 'delivered', NOON_S, { segments: 1 }),
      sms('m3', 'failed', NOON_S, { error_code: 'E' }),
      sms('m4', 'sent', NOON_S + DAY_S),
      sms('m5', 'received', NOON_S, { from: '+7', body: 'Hello', media_urls: ['https://a'] }),
      sms('m6', 'received', NOON_S + 1, { from: '+7', body: 'STOP' }),
      sms('m7', 'received', NOON_S + 2, { from: '+8', body: 'stop' }),
      sms('m8', 'received', NOON_S + 3, { from: '+8', body: 'start' }),
      { event: 'recording.complete', timestamp: NOON_S, data: { recording_id: 'r1', call_uuid: 'a' } },
      { event: 'recording.complete', timestamp: NOON_S, data: { recording_id: 'r2', call_uuid: 'x' } },
      { event: 'recording.complete', timestamp: NOON_S, data: { recording_id: 'r3' } },
      { event: 'recording.transcribed', timestamp: NOON_S + 9, data: { recording_id: 'r3', text: 'Hi' } },
      { event: 'recording.started', timestamp: NOON_S, data: { call_uuid: 'a' } },
      { event: 'recording.transcribed', timestamp: NOON_S + 9, data: { call_uuid: 'x', text: 'Ho' } },
      recording('y', 'https://r.example/1'),
      recording('y', 'https://r.example/2'),
      { event: 'transcription.completed', timestamp: NOON_S + 9, data: { call_uuid: 'y', text: 'Hm' } },
    ];
    opened.appender.append(
      bodies.map((body, n) =>
        delivery(body, {
          signedAt: body.timestamp,
          receivedAtMs: body.timestamp * 1000 + (n === 0 ? 2_200 : 0),
        }),
      ),
    );
  });
  after(() => opened.close());

  it('of calls counts them by outcome and by the day on which they began', () => {
    assert.deepEqual(report('report_calls', 'day, outcome'), [
      { day: TODAY, outcome: 'busy', calls: 1, answered: 0, answer_rate: 0, minutes: 0, cost: 0 },
      { day: TODAY, outcome: 'completed', calls: 2, answered: 2, answer_rate: 1, minutes: 2.5, cost: 0.3 },
      { day: TODAY, outcome: 'no_answer', calls: 1, answered: 0, answer_rate: 0, minutes: 0, cost: 0 },
      { day: TOMORROW, outcome: 'ringing', calls: 1, answered: 0, answer_rate: 0, minutes: 0, cost: 0 },
    ]);
  });

  it('of calls by day has their answer rate, minutes and exact cost', () => {
    assert.deepEqual(report('report_calls_by_day', 'day'), [
      { day: TODAY, calls: 4, answered: 2, answer_rate: 0.5, minutes: 2.5, cost: 0.3 },
      { day: TOMORROW, calls: 1, answered: 0, answer_rate: 0, minutes: 0, cost: 0 },
    ]);
  });

  it('of messages counts them by day and status', () => {
    assert.deepEqual(report('report_sms', 'day, status'), [
      { day: TODAY, status: 'delivered', messages: 2, segments: 3 },
      { day: TODAY, status: 'failed', messages: 1, segments: 0 },
      { day: TODAY, status: 'received', messages: 4, segments: 0 },
      { day: TOMORROW, status: 'sent', messages: 1, segments: 0 },
    ]);
  });

  it('of messages by day has the delivery rate of those with a known outcome', () => {
    assert.deepEqual(report('report_sms_by_day', 'day'), [
      { day: TODAY, outbound: 3, delivered: 2, failed: 1, received: 4, delivery_rate: 0.6667 },
      { day: TOMORROW, outbound: 1, delivered: 0, failed: 0, received: 0, delivery_rate: null },
    ]);
  });

  it('of opt-outs has the contacts that are opted out now', () => {
    assert.deepEqual(report('report_opt_outs', 'phone_number'), [
      {
        tenant_id: null,
        phone_number: '+7',
        opted_out_at: `${TODAY}T12:00:01Z`,
        opted_out_by: 'STOP',
        last_keyword: 'STOP',
      },
    ]);
  });

  it('of recordings has no rows that are none, and adds a transcript that names only a call with one recording', () => {
    const found = report('report_recordings', 'call_uuid, recording_url').map(
      ({ call_uuid, recording_url, status, transcription }) => [
        call_uuid,
        recording_url,
        status,
        transcription,
      ],
    );
    assert.deepEqual(found, [
      [null, null, 'transcribed', 'Hi'],
      ['a', null, 'complete', null],
      ['x', null, 'transcribed', 'Ho'],
      ['y', 'https://r.example/1', 'complete', null],
      ['y', 'https://r.example/2', 'complete', null],
    ]);
  });

  it('of recordings waiting for a transcript has their calls, if known', () => {
    const rows = report('report_recordings_waiting', 'call_uuid, recording_url');
    assert.deepEqual(rows[0], {
      recording_id: 'r1',
      call_uuid: 'a',
      recording_url: null,
      completed_at: `${TODAY}T12:00:00Z`,
      from_number: '+1',
      to_number: '+2',
    });
    assert.deepEqual(
      rows
        .slice(1)
        .map(({ call_uuid, recording_url, from_number }) => [call_uuid, recording_url, from_number]),
      [
        ['y', 'https://r.example/1', null],
        ['y', 'https://r.example/2', null],
      ],
    );
  });

  it('of inbound messages has those that are not keywords', () => {
    assert.deepEqual(report('report_inbound_messages', 'message_id'), [
      {
        message_id: 'm5',
        received_at: `${TODAY}T12:00:00Z`,
        from_number: '+7',
        to_number: null,
        message: 'Hello',
        media_count: 1,
      },
    ]);
  });

  it('of delivery delays has the average and the longest', () => {
    assert.deepEqual(report('report_delivery_delay', 'day'), [
      { day: TODAY, events: 24, average_s: 0.092, longest_s: 2.2 },
      { day: TOMORROW, events: 3, average_s: 0, longest_s: 0 },
    ]);
  });
});
