import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FieldError } from '../../src/core/event/field-kinds.ts';
import { calls } from '../../src/projections/calls.ts';
import { openTestDatabase } from '../support/database.ts';
import { columnsOf, delivery, envelope, eventOf, rowOf, T0_MS, T0_S } from '../support/events.ts';

const ID = { call_uuid: 'c1' };
const iso = (second: number) => new Date(T0_MS + second * 1000).toISOString();
const ms = (second: number) => T0_MS + second * 1000;
const event = (type: string, atS: number, data: object = {}) =>
  envelope(`call.${type}`, { ...ID, ...data }, atS);

const FINAL = ['completed', 'failed', 'no_answer', 'busy', 'cancelled'] as const;

describe('a call', () => {
  it('initiated has its time and its numbers, and leaves the rest empty', () => {
    const row = rowOf(
      calls,
      event('initiated', 5, {
        tenant_id: 42,
        direction: 'outbound',
        from_number: '+15551230001',
        to: '+15551230002',
        started_at: iso(3),
      }),
    );
    assert.deepEqual(row, {
      call_uuid: 'c1',
      tenant_id: '42',
      direction: 'outbound',
      from_number: '+15551230001',
      to_number: '+15551230002',
      status: 'initiated',
      answered: 0,
      status_at_ms: ms(5),
      initiated_at_ms: ms(3),
      ringing_at_ms: null,
      answered_at_ms: null,
      ended_at_ms: null,
      answered_by: null,
      cancelled_by: null,
      stated_error_code: null,
      stated_error_message: null,
      hangup_cause: null,
      duration_seconds: null,
      total_cost_micros: null,
      recording_url: null,
      event_count: 1,
      first_seq: 1,
      last_seq: 1,
      value_times_ms: JSON.stringify([...Array(5).fill(ms(5)), ...Array(10).fill(null)]),
    });
  });

  it('ringing has its time, and states when the call began', () => {
    const row = rowOf(calls, event('ringing', 2, { started_at: iso(0) }));
    assert.deepEqual(columnsOf(row, 'status', 'ringing_at_ms', 'initiated_at_ms'), {
      status: 'ringing',
      ringing_at_ms: ms(2),
      initiated_at_ms: ms(0),
    });
  });

  it('answered states who answered; its duration of 0 is not the call’s', () => {
    const row = rowOf(
      calls,
      event('answered', 4, { answered_by: 'human', answered_at: iso(3), duration: 0, hangup_cause: 'X' }),
    );
    assert.deepEqual(
      columnsOf(row, 'status', 'answered_at_ms', 'answered_by', 'duration_seconds', 'hangup_cause'),
      {
        status: 'answered',
        answered_at_ms: ms(3),
        answered_by: 'human',
        duration_seconds: null,
        hangup_cause: null,
      },
    );
  });

  it('completed states duration, cost, cause and recording', () => {
    const row = rowOf(
      calls,
      event('completed', 90, {
        ended_at: iso(89),
        duration_seconds: '12.75',
        total_cost: '0.0125',
        hangup_cause: 'NORMAL_CLEARING',
        recording_url: 'https://rec.example/1',
        error_code: 'not of this type',
        answered_by: 'not of this type',
      }),
    );
    assert.deepEqual(
      columnsOf(
        row,
        ...[
          'status',
          'ended_at_ms',
          'duration_seconds',
          'total_cost_micros',
          'hangup_cause',
          'recording_url',
        ],
        ...['stated_error_code', 'answered_by'],
      ),
      {
        status: 'completed',
        ended_at_ms: ms(89),
        duration_seconds: 12.75,
        total_cost_micros: 12_500,
        hangup_cause: 'NORMAL_CLEARING',
        recording_url: 'https://rec.example/1',
        stated_error_code: null,
        answered_by: null,
      },
    );
  });

  it('failed states code, message and cause', () => {
    const row = rowOf(
      calls,
      event('failed', 1, { error_code: 503, error_message: 'Rejected', hangup_cause: 21 }),
    );
    assert.deepEqual(
      columnsOf(row, 'status', 'ended_at_ms', 'stated_error_code', 'stated_error_message', 'hangup_cause'),
      {
        status: 'failed',
        ended_at_ms: ms(1),
        stated_error_code: '503',
        stated_error_message: 'Rejected',
        hangup_cause: '21',
      },
    );
  });

  it('cancelled states who cancelled it and why', () => {
    const row = rowOf(
      calls,
      event('canceled', 1, { cancelled_by: 'caller', hangup_cause: 'ORIGINATOR_CANCEL' }),
    );
    assert.deepEqual(columnsOf(row, 'status', 'cancelled_by', 'hangup_cause'), {
      status: 'cancelled',
      cancelled_by: 'caller',
      hangup_cause: 'ORIGINATOR_CANCEL',
    });
  });

  it('busy or not answered states why', () => {
    for (const [type, status] of [
      ['busy', 'busy'],
      ['no_answer', 'no_answer'],
      ['no-answer', 'no_answer'],
    ] as const) {
      const row = rowOf(
        calls,
        event(type, 1, { ended_at: iso(0), hangup_cause: 'WHY', error_code: 'not here' }),
      );
      assert.deepEqual(columnsOf(row, 'status', 'ended_at_ms', 'hangup_cause', 'stated_error_code'), {
        status,
        ended_at_ms: ms(0),
        hangup_cause: 'WHY',
        stated_error_code: null,
      });
    }
  });

  it('is recognized under every spelling of its id', () => {
    for (const name of ['call_uuid', 'call_sid', 'call_id', 'uuid']) {
      assert.equal(rowOf(calls, { event: 'call.created', data: { [name]: 'x' } })?.call_uuid, 'x');
    }
    assert.equal(rowOf(calls, { event: 'call.created', call_id: 17 })?.call_uuid, '17');
  });

  it('cannot be used without an id', () => {
    assert.throws(
      () => rowOf(calls, envelope('call.ringing', { from: '+1' })),
      new FieldError('call_uuid is missing'),
    );
  });

  it('is not affected by recordings and messages', () => {
    for (const type of [
      'recording.complete',
      'call.recording.completed',
      'sms.sent',
      'transcription.completed',
    ])
      assert.equal(rowOf(calls, envelope(type, { ...ID, message_id: 'm' })), undefined);
  });
});

describe('a call’s status', () => {
  const statusOf = (...events: [type: string, atS: number][]) =>
    rowOf(calls, ...events.map(([type, atS]) => event(type, atS)))?.status;

  it('advances by rank, whatever the order of arrival and the times', () => {
    assert.equal(statusOf(['initiated', 0], ['ringing', 1], ['answered', 2], ['completed', 3]), 'completed');
    assert.equal(statusOf(['completed', 3], ['answered', 2], ['ringing', 1], ['initiated', 0]), 'completed');
    assert.equal(statusOf(['completed', 0], ['initiated', 9]), 'completed');
    assert.equal(statusOf(['answered', 0], ['ringing', 9]), 'answered');
    assert.equal(statusOf(['ringing', 0], ['initiated', 9]), 'ringing');
    for (const final of FINAL) {
      assert.equal(statusOf([final, 0], ['answered', 9]), final);
      assert.equal(statusOf(['answered', 9], [final, 0]), final);
    }
  });

  it('is that of the latest event if several are final', () => {
    for (const earlier of FINAL) {
      for (const later of FINAL) {
        assert.equal(statusOf([earlier, 1], [later, 2]), later);
        assert.equal(statusOf([later, 2], [earlier, 1]), later);
      }
    }
  });

  it('is the greater text if several are final and have the same time', () => {
    for (const one of FINAL) {
      for (const other of FINAL) assert.equal(statusOf([one, 1], [other, 1]), [one, other].toSorted()[1]);
    }
  });

  it('is not what the event’s "status" field says', () => {
    assert.equal(rowOf(calls, event('ringing', 1, { status: 'completed' }))?.status, 'ringing');
  });
});

describe('a call’s milestones', () => {
  const NAMES = ['initiated_at_ms', 'answered_at_ms', 'ended_at_ms'];

  it('are those that the latest event states, of any type', () => {
    const events = [
      event('answered', 9, { answered_at: iso(4) }),
      event('answered', 1, { answered_at: iso(5) }),
      event('completed', 20, { answered_at: iso(3), started_at: iso(0), ended_at: iso(19) }),
      event('completed', 30, { ended_at: iso(29) }),
      event('initiated', 2),
    ];
    for (const order of [events, events.toReversed()])
      assert.deepEqual(columnsOf(rowOf(calls, ...order), ...NAMES), {
        initiated_at_ms: ms(0),
        answered_at_ms: ms(3),
        ended_at_ms: ms(29),
      });
  });

  it('are the earliest times of the events of their own type if no event states them', () => {
    const events = [
      event('initiated', 3),
      event('initiated', 2, { started_at: 'soon' }),
      event('answered', 9),
      event('busy', 12),
      event('completed', 11),
      event('ringing', 1),
    ];
    for (const order of [events, events.toReversed()])
      assert.deepEqual(columnsOf(rowOf(calls, ...order), ...NAMES), {
        initiated_at_ms: ms(2),
        answered_at_ms: ms(9),
        ended_at_ms: ms(11),
      });
  });

  it('are the time of the signature for an event without any time', () => {
    assert.equal(rowOf(calls, eventlessTime('call.answered'))?.answered_at_ms, T0_MS);
  });

  it('are left out if they cannot be read, or are much later than the signature', () => {
    for (const answered_at of ['soon', iso(3_601), -1, {}]) {
      const row = rowOf(calls, event('answered', 3, { answered_at }), event('ringing', 2, { answered_at }));
      assert.equal(row?.answered_at_ms, ms(3));
    }
  });

  it('of a call of which only the end arrived say when it began', () => {
    const row = rowOf(calls, {
      event: 'call.completed',
      data: { ...ID, started_at: iso(-330), answered_at: iso(-325), ended_at: iso(0), duration_seconds: 325 },
    });
    assert.deepEqual(columnsOf(row, ...NAMES, 'answered'), {
      initiated_at_ms: ms(-330),
      answered_at_ms: ms(-325),
      ended_at_ms: ms(0),
      answered: 1,
    });
  });
});

describe('a call', () => {
  const answered = (...events: object[]) => rowOf(calls, ...events)?.answered;

  it('was answered if it is known when, or if the event came', () => {
    assert.equal(answered(event('answered', 1)), 1);
    assert.equal(answered(event('failed', 1, { answered_at: iso(0) })), 1);
    assert.equal(answered(event('completed', 1, { answered_at: 'soon' })), 0);
  });

  it('was answered if it is completed, lasted, and has no other cause than a normal end', () => {
    assert.equal(answered(event('completed', 1, { duration: 0.5 })), 1);
    assert.equal(answered(event('completed', 1, { duration: 5, hangup_cause: 'NORMAL_CLEARING' })), 1);
    for (const hangup_cause of ['', 'normal_clearing', 'Normal Clearing', 16, '16'])
      assert.equal(answered(event('completed', 1, { duration: 5, hangup_cause })), 1);
    assert.equal(answered(event('completed', 1, { duration: 5, hangup_cause: 'NO_ANSWER' })), 0);
    assert.equal(answered(event('completed', 1, { duration: 0 })), 0);
    assert.equal(answered(event('completed', 1)), 0);
    assert.equal(answered(event('failed', 1, { duration: 5 })), 0);
  });

  it('follows the status and the values, whatever the order of arrival', () => {
    const events = [
      event('completed', 1, { duration: 5 }),
      event('busy', 3, { hangup_cause: 'USER_BUSY' }),
      event('completed', 2, { duration: 0 }),
    ];
    for (const order of [events, events.toReversed()]) assert.equal(answered(...order), 0);
    assert.equal(answered(...events.slice(0, 1), event('initiated', 9)), 1);
  });
});

const eventlessTime = (type: string) => ({ event: type, data: ID });

describe('a call’s values', () => {
  it('are those of the latest event that states them', () => {
    const events = [
      event('initiated', 1, { from: '+1', direction: 'inbound' }),
      event('ringing', 3, { from: '+3' }),
      event('answered', 2, { from: '+2', to: '+9' }),
    ];
    for (const order of [events, events.toReversed()]) {
      assert.deepEqual(columnsOf(rowOf(calls, ...order), 'from_number', 'to_number', 'direction'), {
        from_number: '+3',
        to_number: '+9',
        direction: 'inbound',
      });
    }
  });

  it('are the greater ones if events have the same time', () => {
    const events = [
      event('completed', 1, { duration: 9, cost: 0.2, hangup_cause: 'A', recording_url: 'x' }),
      event('completed', 1, { duration: 10, cost: 0.1, hangup_cause: 'B' }),
    ];
    for (const order of [events, events.toReversed()]) {
      assert.deepEqual(
        columnsOf(
          rowOf(calls, ...order),
          'duration_seconds',
          'total_cost_micros',
          'hangup_cause',
          'recording_url',
        ),
        { duration_seconds: 10, total_cost_micros: 200_000, hangup_cause: 'B', recording_url: 'x' },
      );
    }
  });

  it('are never replaced by missing ones once stated', () => {
    for (const nothing of [{}, { from: null, duration: null }, { from: '', duration: '', cost: '' }]) {
      const row = rowOf(
        calls,
        event('completed', 1, { from: '+1', duration: 5, cost: 1 }),
        event('completed', 2, nothing),
      );
      assert.deepEqual(columnsOf(row, 'from_number', 'duration_seconds', 'total_cost_micros'), {
        from_number: '+1',
        duration_seconds: 5,
        total_cost_micros: 1_000_000,
      });
    }
  });

  it('may be 0, which counts as stated', () => {
    const row = rowOf(
      calls,
      event('completed', 1, { duration: 5, cost: 1 }),
      event('completed', 2, { duration: 0, cost: 0 }),
    );
    assert.deepEqual(columnsOf(row, 'duration_seconds', 'total_cost_micros'), {
      duration_seconds: 0,
      total_cost_micros: 0,
    });
  });

  it('of the wrong kind are left out and named; the status and the other values are kept', () => {
    for (const [data, problem] of [
      [{ duration_seconds: -1 }, 'duration_seconds must be a number ≥ 0, got a negative number'],
      [{ duration: 'long' }, 'duration must be a number ≥ 0, got text'],
      [{ total_cost: '$0.05' }, 'total_cost must be an amount, got text'],
      [{ from: {} }, 'from must be text or a whole number from 0 to 2^53 - 1, got an object'],
      [{ direction: 1 }, 'direction must be text, got a number'],
      [
        { ended_at: 5 },
        'ended_at must be an ISO 8601 or RFC 2822 date or a Unix time, from 2000 to 2100, got a number',
      ],
      [{ hangup_cause: [] }, 'hangup_cause must be text or a whole number from 0 to 2^53 - 1, got a list'],
    ] as const) {
      const bad = eventOf(event('completed', 2, { recording_url: 'x', ...data }));
      const row = calls.fold(rowOf(calls, event('initiated', 0)), bad, 'c1');
      assert.deepEqual([...bad.fields.problems.values()], [problem]);
      assert.deepEqual(columnsOf(row, 'status', 'event_count', 'recording_url', 'initiated_at_ms'), {
        status: 'completed',
        event_count: 2,
        recording_url: 'x',
        initiated_at_ms: ms(0),
      });
    }
  });

  it('of the wrong kind do not replace those that an earlier event stated', () => {
    const row = rowOf(
      calls,
      event('completed', 1, { duration: 9, from: '+1' }),
      event('completed', 2, { duration: 'long', from: [] }),
    );
    assert.deepEqual(columnsOf(row, 'duration_seconds', 'from_number'), {
      duration_seconds: 9,
      from_number: '+1',
    });
  });

  it('come with a count of the call’s events', () => {
    const row = rowOf(calls, event('initiated', 0), event('ringing', 1), event('completed', 2));
    assert.deepEqual(columnsOf(row, 'event_count', 'first_seq', 'last_seq'), {
      event_count: 3,
      first_seq: 1,
      last_seq: 3,
    });
  });
});

describe('a call in the database', () => {
  it('has an error only while its status is failed, whatever the order of arrival', () => {
    const failed = event('failed', 1, { error_code: 30003, error_message: 'Rejected' });
    for (const [events, error_code] of [
      [[failed], '30003'],
      [[failed, event('completed', 2)], null],
      [[event('completed', 2), failed], null],
      [[event('completed', 2), failed, event('failed', 3)], '30003'],
    ] as const) {
      const opened = openTestDatabase();
      opened.appender.append(events.map((body) => delivery(body)));
      assert.deepEqual(opened.rows('SELECT error_code, error_message FROM calls'), [
        { error_code, error_message: error_code && 'Rejected' },
      ]);
      opened.close();
    }
  });

  it('has ids and phone numbers as text, the cost as a decimal, and well-formed texts', () => {
    const opened = openTestDatabase();
    opened.appender.append([
      delivery(
        '{"event":"call.completed","data":{"call_id":491701234567,"tenant_id":42,"from":15551230001,"to":"+1\\ud800","cost":0.0125,"duration":60}}',
      ),
    ]);
    const [row] = opened.rows(
      `SELECT call_uuid, tenant_id, from_number, to_number, total_cost_micros, total_cost, duration_seconds,
              typeof(call_uuid) AS a, typeof(tenant_id) AS b, typeof(from_number) AS c, typeof(duration_seconds) AS d
       FROM calls`,
    );
    opened.close();
    assert.deepEqual(row, {
      call_uuid: '491701234567',
      tenant_id: '42',
      from_number: '15551230001',
      to_number: '+1\ufffd',
      total_cost_micros: 12_500,
      total_cost: 0.0125,
      duration_seconds: 60,
      a: 'text',
      b: 'text',
      c: 'text',
      d: 'real',
    });
  });

  it('is the same call whether its id is sent as a number or as text', () => {
    const opened = openTestDatabase();
    opened.appender.append([
      delivery({ event: 'call.initiated', timestamp: T0_S, data: { call_id: 7 } }),
      delivery({ event: 'call.ringing', timestamp: T0_S, data: { call_uuid: '7' } }),
    ]);
    assert.deepEqual(opened.rows('SELECT call_uuid, event_count FROM calls'), [
      { call_uuid: '7', event_count: 2 },
    ]);
    opened.close();
  });
});
