/** Times in the spellings of many senders. */

import { T0_MS, T0_S } from '../support/events.ts';
import { type Case, NO_TIME, sent } from './case.ts';

const MS = Date.parse('2025-11-20T23:00:00Z');

/** Spellings of a time and its milliseconds, or the kind of a value that cannot be read: then the signed time counts. */
const TIMES: readonly (readonly [unknown, number | string])[] = [
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
  ['yesterday', 'text'],
  ['2025-11-31T00:00:00Z', 'text'],
  ['11/20/2025 23:00', 'text'],
  [0, 'a number'],
  [true, 'a boolean'],
  [[MS], 'a list'],
  [{ $date: MS }, 'an object'],
];

export const READ_TIMES: readonly Case[] = [
  ...TIMES.map(([time, read], index) => {
    const isRead = typeof read === 'number';
    const warnings = isRead ? [] : [`timestamp ${NO_TIME} ${read}`];
    return {
      name: `a timestamp ${JSON.stringify(time)} ${isRead ? 'is read' : 'is named, and the signed time counts'}`,
      sent: [sent('sms.sent', { message_id: `time${index}` }, warnings, time)],
      sql: `SELECT sent_at_ms FROM sms_messages WHERE message_id = 'time${index}'`,
      rows: [{ sent_at_ms: isRead ? read : T0_MS }],
    };
  }),
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
