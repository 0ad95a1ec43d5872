import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FieldError } from '../../src/core/event/field-kinds.ts';
import { smsMessages } from '../../src/projections/sms-messages.ts';
import { openTestDatabase } from '../support/database.ts';
import { columnsOf, delivery, envelope, eventOf, rowOf, T0_MS } from '../support/events.ts';

const ms = (second: number) => T0_MS + second * 1000;
const iso = (second: number) => new Date(ms(second)).toISOString();
const event = (type: string, atS: number, data: object = {}) =>
  envelope(type, { message_id: 'm1', ...data }, atS);

describe('a message', () => {
  it('queued, sent and delivered has a milestone for each', () => {
    const row = rowOf(
      smsMessages,
      event('sms.queued', 1, { tenant_id: 42, direction: 'outbound', from: '+1', to: '+2', body: 'Hello' }),
      event('sms.sent', 2, { segments: 2 }),
      event('sms.delivered', 4, { delivered_at: iso(3) }),
    );
    assert.deepEqual(row, {
      message_id: 'm1',
      tenant_id: '42',
      direction: 'outbound',
      from_number: '+1',
      to_number: '+2',
      message: 'Hello',
      segments: 2,
      media_urls: null,
      media_count: null,
      status: 'delivered',
      status_at_ms: ms(4),
      stated_error_code: null,
      stated_error_message: null,
      keyword: null,
      possible_opt_out: null,
      queued_at_ms: ms(1),
      sent_at_ms: ms(2),
      delivered_at_ms: ms(3),
      failed_at_ms: null,
      received_at_ms: null,
      event_count: 3,
      first_seq: 1,
      last_seq: 3,
      value_times_ms: JSON.stringify([
        ms(1),
        ms(1),
        ms(1),
        ms(1),
        ms(1),
        ms(2),
        ...Array(6).fill(null),
        ms(4),
        null,
      ]),
    });
  });

  it('failed states the reason; other types do not', () => {
    const data = { error_code: 30003, error_message: 'Unreachable' };
    assert.deepEqual(
      columnsOf(
        rowOf(smsMessages, event('sms.failed', 1, data)),
        'status',
        'failed_at_ms',
        'stated_error_code',
        'stated_error_message',
      ),
      {
        status: 'failed',
        failed_at_ms: ms(1),
        stated_error_code: '30003',
        stated_error_message: 'Unreachable',
      },
    );
    for (const type of ['sms.queued', 'sms.sent', 'sms.delivered', 'sms.received'])
      assert.equal(rowOf(smsMessages, event(type, 1, data))?.stated_error_code, null, type);
  });

  it('received has the time that it states', () => {
    const row = rowOf(
      smsMessages,
      event('sms.received', 9, { received_at: iso(8), message: 'Hi', from: '+1' }),
    );
    assert.deepEqual(columnsOf(row, 'status', 'received_at_ms', 'message', 'keyword'), {
      status: 'received',
      received_at_ms: ms(8),
      message: 'Hi',
      keyword: null,
    });
  });

  it('may also be an MMS', () => {
    assert.equal(rowOf(smsMessages, event('mms.sent', 1))?.status, 'sent');
    assert.equal(rowOf(smsMessages, event('mms.received', 1))?.status, 'received');
    assert.equal(rowOf(smsMessages, event('mms.queued', 1))?.status, 'queued');
    assert.equal(rowOf(smsMessages, event('mms.sent', 1), event('mms.delivered', 2))?.status, 'delivered');
    for (const type of ['mms.failed', 'mms.undelivered', 'sms.undelivered']) {
      const row = rowOf(smsMessages, event(type, 1, { error_code: 'E' }), event('mms.sent', 2));
      assert.deepEqual(columnsOf(row, 'status', 'failed_at_ms', 'stated_error_code'), {
        status: 'failed',
        failed_at_ms: ms(1),
        stated_error_code: 'E',
      });
    }
  });

  it('is recognized under every spelling of its id', () => {
    for (const name of ['message_id', 'message_sid', 'id'])
      assert.equal(rowOf(smsMessages, { event: 'sms.sent', data: { [name]: 'x' } })?.message_id, 'x');
    assert.throws(
      () => rowOf(smsMessages, envelope('sms.sent', {})),
      new FieldError('message_id is missing'),
    );
  });

  it('is not affected by calls and recordings', () => {
    for (const type of ['call.completed', 'recording.complete'])
      assert.equal(rowOf(smsMessages, envelope(type, { id: 'x', call_uuid: 'c' })), undefined);
  });
});

describe('a message’s status', () => {
  const statusOf = (...events: [type: string, atS: number][]) =>
    rowOf(smsMessages, ...events.map(([type, atS]) => event(`sms.${type}`, atS)))?.status;

  it('advances by rank, whatever the order of arrival and the times', () => {
    assert.equal(statusOf(['delivered', 1], ['sent', 5], ['queued', 9]), 'delivered');
    assert.equal(statusOf(['sent', 1], ['queued', 9]), 'sent');
    assert.equal(statusOf(['failed', 1], ['sent', 9]), 'failed');
  });

  it('is the latest of delivered and failed, and the greater text if their times are equal', () => {
    assert.equal(statusOf(['delivered', 2], ['failed', 1]), 'delivered');
    assert.equal(statusOf(['failed', 1], ['delivered', 2]), 'delivered');
    assert.equal(statusOf(['delivered', 1], ['failed', 2]), 'failed');
    assert.equal(statusOf(['delivered', 1], ['failed', 1]), 'failed');
    assert.equal(statusOf(['failed', 1], ['delivered', 1]), 'failed');
  });
});

describe('a message’s text', () => {
  it('may be empty, which counts as stated: it replaces earlier texts, but not later ones', () => {
    const text = (...messages: [atS: number, message: string | null][]) =>
      rowOf(smsMessages, ...messages.map(([atS, message]) => event('sms.sent', atS, { message })))?.message;
    assert.equal(text([1, '']), '');
    assert.equal(text([1, 'Hi'], [2, '']), '');
    assert.equal(text([2, ''], [1, 'Hi']), '');
    assert.equal(text([1, ''], [1, 'Hi']), 'Hi');
    assert.equal(text([1, 'Hi'], [2, null]), 'Hi');
  });

  it('is kept as sent, including spaces, but made well-formed', () => {
    assert.equal(rowOf(smsMessages, event('sms.received', 1, { body: ' Stop \n' }))?.message, ' Stop \n');
    const lone = '{"event":"sms.sent","data":{"id":"m","body":"a\\udfff"}}';
    assert.equal(rowOf(smsMessages, lone)?.message, 'a\ufffd');
  });
});

describe('a message’s media', () => {
  const media = (data: object) =>
    columnsOf(rowOf(smsMessages, event('mms.sent', 1, data)), 'media_urls', 'media_count');

  it('are a JSON list, and their count is that of the list unless it is stated', () => {
    assert.deepEqual(media({ media_urls: ['https://a', 'https://b'] }), {
      media_urls: '["https://a","https://b"]',
      media_count: 2,
    });
    assert.deepEqual(media({ media_urls: ['https://a'], media_count: '3' }), {
      media_urls: '["https://a"]',
      media_count: 3,
    });
    assert.deepEqual(media({ media_urls: [] }), { media_urls: '[]', media_count: 0 });
    assert.deepEqual(media({ media_count: 1 }), { media_urls: null, media_count: 1 });
    assert.deepEqual(media({}), { media_urls: null, media_count: null });
    assert.deepEqual(media({ media_urls: null }), { media_urls: null, media_count: null });
  });

  it('of the wrong kind are left out and named; the rest is kept', () => {
    for (const [data, problem] of [
      [{ media_urls: 'https://a' }, 'media_urls must be a list of texts, got text'],
      [{ media_urls: [{ url: 'https://a' }] }, 'media_urls[0] must be text, got an object'],
      [{ media_urls: ['https://a', 5] }, 'media_urls[1] must be text, got a number'],
      [{ media_count: 1.5 }, 'media_count must be a whole number ≥ 0, got a fraction'],
      [{ segments: -1 }, 'segments must be a whole number ≥ 0, got a negative number'],
    ] as const) {
      const bad = eventOf(event('mms.received', 1, { message: 'Hi', ...data }));
      const row = smsMessages.fold(undefined, bad, 'm1');
      assert.deepEqual([...bad.fields.problems.values()], [problem]);
      assert.deepEqual(columnsOf(row, 'status', 'message', 'media_urls', 'media_count', 'segments'), {
        status: 'received',
        message: 'Hi',
        media_urls: null,
        media_count: null,
        segments: null,
      });
    }
  });
});

describe('a message’s error', () => {
  it('is that of the latest failure, and is shown only while the message has failed', () => {
    const failed = (atS: number, error_code?: string) => event('sms.failed', atS, { error_code });
    for (const [events, error_code] of [
      [[failed(1, 'E1'), event('sms.delivered', 2)], null],
      [[event('sms.delivered', 2), failed(1, 'E1')], null],
      [[failed(3), event('sms.delivered', 2), failed(1, 'E1')], 'E1'],
      [[failed(3, 'E3'), event('sms.delivered', 2), failed(1, 'E1')], 'E3'],
      [[event('sms.delivered', 1), failed(1, 'E1')], 'E1'],
    ] as const) {
      const opened = openTestDatabase();
      opened.appender.append(events.map((body) => delivery(body)));
      assert.deepEqual(opened.rows('SELECT error_code FROM sms_messages'), [{ error_code }]);
      opened.close();
    }
  });
});

describe('a message’s keyword', () => {
  it('is set only for inbound messages', () => {
    assert.equal(rowOf(smsMessages, event('sms.received', 1, { body: ' Stop ' }))?.keyword, 'STOP');
    assert.equal(rowOf(smsMessages, event('mms.received', 1, { body: 'help' }))?.keyword, 'HELP');
    assert.equal(rowOf(smsMessages, event('sms.sent', 1, { body: 'STOP' }))?.keyword, null);
    const longer = rowOf(smsMessages, event('sms.received', 1, { body: 'STOP it' }));
    assert.deepEqual(columnsOf(longer, 'keyword', 'possible_opt_out'), {
      keyword: null,
      possible_opt_out: 'STOP',
    });
    const sent = rowOf(smsMessages, event('sms.sent', 1, { body: 'STOP it' }));
    assert.equal(sent?.possible_opt_out, null);
  });
});
