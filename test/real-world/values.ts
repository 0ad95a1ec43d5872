/** Values that cannot be used: all else of the event is there. */

import { T0_MS, T0_S } from '../support/events.ts';
import { type Case, NO_TIME, sent } from './case.ts';

const LONG = 'long'.repeat(150);

const CENTS = 'total_cost must be an amount, got text';

export const BAD_VALUES: readonly Case[] = [
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
    name: 'numbers as text, and a refund: all is read',
    sent: [
      sent('call.completed', { call_sid: 'text1', duration: '42', cost: '-0.0075', from: '+15551230001' }),
      sent('mms.received', { message_sid: 'text2', body: 'Hi', segments: '1', media_count: '0' }),
    ],
    sql: `SELECT duration_seconds, total_cost, segments, media_count FROM calls, sms_messages
      WHERE call_uuid = 'text1' AND message_id = 'text2'`,
    rows: [{ duration_seconds: 42, total_cost: -0.0075, segments: 1, media_count: 0 }],
  },
  {
    name: 'ids of more than 512 bytes that differ only at the end are two messages',
    sent: ['a', 'b', 'a'].map((end, index) =>
      sent(index < 2 ? 'sms.sent' : 'sms.delivered', { message_id: LONG + end, segments: index }),
    ),
    sql: `SELECT status, length(message_id) AS chars FROM sms_messages WHERE message_id LIKE 'long%' ORDER BY status`,
    rows: [
      { status: 'delivered', chars: 165 },
      { status: 'sent', chars: 165 },
    ],
  },
  {
    name: 'U+0000, which no database can hold, is replaced',
    sent: [sent('sms.sent', { message_id: 'nul\u0000', message: 'a\u0000b', tenant_id: '\u0000' })],
    sql: "SELECT message_id, message, tenant_id FROM sms_messages WHERE message_id LIKE 'nul%'",
    rows: [{ message_id: 'nul\ufffd', message: 'a\ufffdb', tenant_id: '\ufffd' }],
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
          recording_url: 'https://r.example/1.wav',
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
