import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FieldError } from '../../src/core/event/field-kinds.ts';
import { ROW_KEY_BYTES_MAX, TIME_BEHIND_MAX_MS } from '../../src/core/limits.ts';
import { contactKey, contacts, phoneNumberOf } from '../../src/projections/contacts.ts';
import { type Body, columnsOf, envelope, eventOf, rowOf, T0_MS, T0_S } from '../support/events.ts';
import { seededRandom } from '../support/random.ts';

const PAIRS = 20_000;
const SEED = 20_261_127;

const ms = (second: number) => T0_MS + second * 1000;
const says = (body: string, atS: number, type = 'sms.received', more: object = {}) =>
  envelope(type, { message_id: `${body}-${atS}`, from: '+1', body, ...more }, atS);
const state = (...events: object[]) =>
  columnsOf(
    rowOf(contacts, ...events),
    ...['opted_out', 'opted_out_at_ms', 'opted_out_by', 'opted_in_at_ms', 'last_keyword'],
  );
const keyOf = (data: object) =>
  contacts.keyOf(eventOf({ event: 'sms.received', data: { message: 'STOP', from_number: '+1', ...data } }));

describe('a contact', () => {
  it('that sends STOP is opted out', () => {
    const stop = says(' stop\n', 1, 'sms.received', { tenant_id: 't1', to: '+18000000001' });
    assert.deepEqual(rowOf(contacts, stop), {
      contact: 't1\u001f+1',
      tenant_id: 't1',
      phone_number: '+1',
      own_number: '+18000000001',
      opted_out: 1,
      opted_out_at_ms: ms(1),
      opted_out_by: 'STOP',
      opted_in_at_ms: null,
      last_keyword: 'STOP',
      last_seq: 1,
      value_times_ms: `[${ms(1)},${ms(1)}]`,
    });
  });

  it('that sends START afterwards is opted in again, in whatever order the two arrive', () => {
    for (const order of [
      [says('STOP', 1), says('START', 2)],
      [says('START', 2), says('STOP', 1)],
    ]) {
      assert.deepEqual(state(...order), {
        opted_out: 0,
        opted_out_at_ms: ms(1),
        opted_out_by: 'STOP',
        opted_in_at_ms: ms(2),
        last_keyword: 'START',
      });
    }
  });

  it('that sent START before STOP is opted out, in whatever order the two arrive', () => {
    for (const order of [
      [says('YES', 1), says('QUIT', 2)],
      [says('QUIT', 2), says('YES', 1)],
    ]) {
      assert.deepEqual(state(...order), {
        opted_out: 1,
        opted_out_at_ms: ms(2),
        opted_out_by: 'QUIT',
        opted_in_at_ms: ms(1),
        last_keyword: 'QUIT',
      });
    }
  });

  it('that sends both at the same time is opted out', () => {
    for (const order of [
      [says('STOP', 1), says('START', 1)],
      [says('START', 1), says('STOP', 1)],
    ]) {
      assert.equal(state(...order)['opted_out'], 1);
      assert.equal(state(...order)['last_keyword'], 'STOP', 'the greater text');
    }
  });

  it('has the time of the latest opt-out and of the latest opt-in', () => {
    assert.deepEqual(state(says('END', 5), says('STOP', 3), says('START', 2), says('UNSTOP', 1)), {
      opted_out: 1,
      opted_out_at_ms: ms(5),
      opted_out_by: 'END',
      opted_in_at_ms: ms(2),
      last_keyword: 'END',
    });
  });

  it('has the keyword of the latest opt-out, of two at the same time the greater text', () => {
    for (const [first, second, by] of [
      [says('STOP', 1), says('CANCEL', 2), 'CANCEL'],
      [says('STOP', 2), says('CANCEL', 2), 'STOP'],
      [says('OPT-OUT', 3), says('HELP', 4), 'OPTOUT'],
    ] as const) {
      assert.equal(state(first, second)['opted_out_by'], by);
      assert.equal(state(second, first)['opted_out_by'], by);
    }
  });

  it('that sends HELP is recorded, and neither opted out nor in', () => {
    assert.deepEqual(state(says('help', 1)), {
      opted_out: 0,
      opted_out_at_ms: null,
      opted_out_by: null,
      opted_in_at_ms: null,
      last_keyword: 'HELP',
    });
    assert.deepEqual(state(says('STOP', 1), says('INFO', 2)), {
      opted_out: 1,
      opted_out_at_ms: ms(1),
      opted_out_by: 'STOP',
      opted_in_at_ms: null,
      last_keyword: 'INFO',
    });
  });

  it('is made only by an inbound keyword', () => {
    for (const event of [says('Hello', 1), says('please stop', 1), says('', 1), says('STOP', 1, 'sms.sent')])
      assert.equal(rowOf(contacts, event), undefined);
    assert.equal(state(says('STOP', 1, 'mms.received'))['opted_out'], 1);
  });

  it('has the number of ours to which it has last sent a keyword', () => {
    const [first, second] = [
      says('STOP', 1, 'sms.received', { to_number: '+18000000001' }),
      says('HELP', 2, 'sms.received', { to: 18000000002 }),
    ];
    assert.equal(rowOf(contacts, first, second)?.own_number, '18000000002');
    assert.equal(rowOf(contacts, second, first)?.own_number, '18000000002');
  });
});

describe('the key of a contact', () => {
  it('is the same for all spellings of a number', () => {
    for (const from_number of [
      15551230001,
      '15551230001',
      '+15551230001',
      '001 555 123 0001',
      '+1 (555) 123-0001',
    ])
      assert.equal(keyOf({ from_number }), '*\u001f+15551230001');
    for (const from_number of ['(555) 777-0001', '12345', 'ACME-DE', '03012345678'])
      assert.equal(keyOf({ from_number }), `*\u001f${from_number.replace(/[() -](?!DE)/g, '')}`);
  });

  it('has the tenant, or an asterisk if the message states none that is usable', () => {
    assert.equal(keyOf({ tenant_id: 'A' }), 'A\u001f+1');
    assert.equal(keyOf({ tenant_id: 42 }), '42\u001f+1');
    for (const tenant_id of [undefined, null, '', {}, ['A'], 1.5, true])
      assert.equal(keyOf({ tenant_id }), '*\u001f+1', JSON.stringify(tenant_id));
    assert.equal(rowOf(contacts, says('STOP', 1, 'sms.received', { tenant_id: {} }))?.tenant_id, null);
  });

  it('is never that of another tenant or number', () => {
    assert.notEqual(keyOf({ tenant_id: '*' }), keyOf({}));
    assert.notEqual(keyOf({ tenant_id: '\\u002a' }), keyOf({ tenant_id: '*' }));
    assert.notEqual(
      keyOf({ tenant_id: 'A\u001fx', from_number: 'y' }),
      keyOf({ tenant_id: 'A', from_number: 'x\u001fy' }),
    );
    const random = seededRandom(SEED);
    const parts = ['*', '\u001f', '\\', '"', 'u001f', 'A', '\ufffd', '\n', '#'];
    const some = (least: number) =>
      Array.from({ length: least + random.below(4) }, () => random.pick(parts)).join('');
    const pairs = new Map<string, string>();
    for (let round = 0; round < PAIRS; round++) {
      const tenant = random.chance(0.2) ? undefined : some(1);
      const number = `A${some(0)}`; // as sent, because it has a letter
      const pair = JSON.stringify([tenant ?? null, number]);
      const key = contactKey(tenant, phoneNumberOf(number));
      assert.equal(pairs.get(key) ?? pair, pair);
      pairs.set(key, pair);
    }
    assert.ok(pairs.size > PAIRS / 10, `only ${pairs.size} keys`);
  });

  it('has a limited length, and for no tenant it is always the asterisk, U+001F and the number', () => {
    for (const length of [1, 509, 510, 511, 512, 513, 5_000]) {
      const number = 'n'.repeat(length);
      const phoneNumber = phoneNumberOf(number);
      assert.equal(phoneNumberOf(phoneNumber), phoneNumber);
      assert.equal(phoneNumber === number, length <= ROW_KEY_BYTES_MAX - 2);
      assert.equal(contactKey(undefined, phoneNumber), `*\u001f${phoneNumber}`);
      for (const key of [contactKey(undefined, phoneNumber), contactKey('t'.repeat(length), phoneNumber)])
        assert.ok(Buffer.byteLength(key) <= ROW_KEY_BYTES_MAX, `${key.length} characters`);
    }
    const long = 't'.repeat(1_000);
    assert.notEqual(contactKey(`${long}1`, '+1'), contactKey(`${long}2`, '+1'));
  });
});

describe('a keyword without a usable number', () => {
  const failure = (data: object) => {
    const event = eventOf({ event: 'sms.received', data: { message_id: 'm', ...data } });
    try {
      return contacts.keyOf(event);
    } catch (error) {
      assert.ok(error instanceof FieldError);
      return error.message;
    }
  };

  it('is a failure that says what cannot be attributed, and why', () => {
    const start = 'cannot be attributed to a number: ';
    assert.equal(failure({ body: 'STOP' }), `the opt-out ${start}from_number is missing`);
    assert.equal(failure({ body: 'yes', from: '' }), `the opt-in ${start}from_number is missing`);
    assert.equal(failure({ body: 'HELP' }), `the keyword ${start}from_number is missing`);
    assert.match(
      failure({ body: 'STOP', from: { number: '+1' } }) ?? '',
      /^the opt-out .*: from must be text .*object$/,
    );
    for (const from of [' ', '-', '\u200b', '\u3164', '+'])
      assert.equal(
        failure({ body: 'STOP', from }),
        `the opt-out ${start}from_number has no letter and no digit`,
      );
  });

  it('is no failure if another spelling of the field is usable, or if the message is no keyword', () => {
    assert.equal(failure({ body: 'STOP', from_number: {}, from: '+1' }), '*\u001f+1');
    assert.equal(failure({ body: 'Hello' }), undefined);
    assert.equal(failure({ body: 'Stop it' }), undefined);
  });
});

describe('the time of a keyword', () => {
  const DAYS_MS = TIME_BEHIND_MAX_MS;
  /** Signed at T0. */
  const sent = (message: string, times: object): Body => ({
    event: 'sms.received',
    ...times,
    data: { message_id: 'm', from_number: '+1', message, ...times },
  });

  it('of an opt-out is at most 7 days before its signature: else the next stated time counts, then the signed one', () => {
    for (const [times, atMs] of [
      [{ timestamp: T0_MS - DAYS_MS }, T0_MS - DAYS_MS],
      [{ timestamp: T0_MS - DAYS_MS - 1 }, T0_MS],
      [{ timestamp: '2001-01-01' }, T0_MS],
      [{ timestamp: '2001-01-01', received_at: T0_S - 60 }, T0_MS - 60_000],
      [{ timestamp: '2001-01-01', received_at: '2001-01-01' }, T0_MS],
      [{ timestamp: 'soon' }, T0_MS],
    ] as const)
      assert.equal(rowOf(contacts, sent('STOP', times))?.opted_out_at_ms, atMs, JSON.stringify(times));
  });

  it('of an opt-out that is left out is a warning, unless no table can use it anyway', () => {
    const problems = (timestamp: unknown) => {
      const event = eventOf(sent('STOP', { timestamp }));
      event.fields.forgetProblems();
      contacts.fold(undefined, event, '*\u001f+1');
      return [...event.fields.problems];
    };
    const [[field, text] = [], ...others] = problems('2001-01-01');
    assert.equal(field, 'timestamp');
    assert.match(text ?? '', /^timestamp must be at most 7 days before/);
    assert.deepEqual(others, []);
    assert.deepEqual(problems('soon'), []);
    assert.deepEqual(problems(T0_S), []);
  });

  it('of an opt-in is the stated one, so that an old START that comes again does not undo a newer STOP', () => {
    const start = sent('START', { timestamp: T0_S - 40 * 86_400 });
    assert.equal(rowOf(contacts, start)?.opted_in_at_ms, T0_MS - 40 * 86_400_000);
    const stop = sent('STOP', { timestamp: T0_S - 86_400 });
    assert.equal(state(stop as object, start as object)['opted_out'], 1);
  });

  it('with a wrong clock does not let an opt-out lose to an older opt-in', () => {
    const start = says('START', -3600);
    const stop = sent('STOP', { timestamp: '2001-01-01' });
    assert.equal(state(start, stop as object)['opted_out'], 1);
    assert.equal(state(stop as object, start)['opted_out'], 1);
  });
});
