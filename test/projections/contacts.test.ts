import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FieldError } from '../../src/core/event/field-kinds.ts';
import { contacts } from '../../src/projections/contacts.ts';
import { columnsOf, envelope, rowOf, T0_MS } from '../support/events.ts';

const ms = (second: number) => T0_MS + second * 1000;
const says = (body: string, atS: number, type = 'sms.received') =>
  envelope(type, { message_id: `${body}-${atS}`, from: '+1', body }, atS);
const state = (...events: object[]) =>
  columnsOf(rowOf(contacts, ...events), 'opted_out', 'opted_out_at_ms', 'opted_in_at_ms', 'last_keyword');

describe('a contact', () => {
  it('that sends STOP is opted out', () => {
    assert.deepEqual(rowOf(contacts, says(' stop\n', 1)), {
      phone_number: '+1',
      opted_out: 1,
      opted_out_at_ms: ms(1),
      opted_in_at_ms: null,
      last_keyword: 'STOP',
      last_seq: 1,
      value_times_ms: `[${ms(1)}]`,
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
      opted_in_at_ms: ms(2),
      last_keyword: 'END',
    });
  });

  it('that sends HELP is recorded, and neither opted out nor in', () => {
    assert.deepEqual(state(says('help', 1)), {
      opted_out: 0,
      opted_out_at_ms: null,
      opted_in_at_ms: null,
      last_keyword: 'HELP',
    });
    assert.deepEqual(state(says('STOP', 1), says('INFO', 2)), {
      opted_out: 1,
      opted_out_at_ms: ms(1),
      opted_in_at_ms: null,
      last_keyword: 'INFO',
    });
  });

  it('is made only by an inbound keyword', () => {
    for (const event of [says('Hello', 1), says('please stop', 1), says('', 1), says('STOP', 1, 'sms.sent')])
      assert.equal(rowOf(contacts, event), undefined);
    assert.equal(state(says('STOP', 1, 'mms.received'))['opted_out'], 1);
  });

  it('cannot be used without a number', () => {
    assert.throws(
      () => rowOf(contacts, envelope('sms.received', { message_id: 'm', body: 'STOP' })),
      new FieldError('from_number is missing'),
    );
    assert.equal(rowOf(contacts, envelope('sms.received', { message_id: 'm', body: 'Hello' })), undefined);
  });

  it('is the same whether the number is sent as text or as a number', () => {
    const body = (from: unknown) => envelope('sms.received', { message_id: 'm', from, body: 'STOP' });
    assert.equal(rowOf(contacts, body(15551230001), body('15551230001'))?.phone_number, '15551230001');
  });
});
