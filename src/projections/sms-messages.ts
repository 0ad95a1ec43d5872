/** One row per message, from `sms.*` and `mms.*`, in either direction. */

import { count, id, MESSAGE_ID, text, texts, time } from '../core/event/field-kinds.ts';
import { column, failureColumn, key, MESSAGE, milestone, PARTIES } from './columns.ts';
import { keywordColumn, optOutWordColumn } from './keywords.ts';
import { lifecycleTable, STATUS } from './lifecycle.ts';

const MEDIA_URLS = texts('media_urls');

export const smsMessages = lifecycleTable({
  name: 'sms_messages',
  version: 2,
  about: 'One row per SMS or MMS, in either direction.',
  ranks: [['sms.queued'], ['sms.sent'], ['sms.delivered', 'sms.failed', 'sms.received']],
  columns: {
    message_id: key(MESSAGE_ID, 'The id of the message.'),
    ...PARTIES,
    message: column(MESSAGE, 'all', 'The text, which may be empty.'),
    segments: column(count('segments'), 'all', 'How many parts it was sent in.'),
    media_urls: column(MEDIA_URLS, 'all', 'Where its media are: a JSON list.'),
    media_count: column(
      count('media_count'),
      'all',
      'How many media it has; if no event says so, the length of `media_urls`.',
      (fields) => fields.get(MEDIA_URLS)?.length,
    ),
    status: STATUS,
    stated_error_code: failureColumn(id('error_code'), ['sms.failed'], 'Why it failed, as a code.'),
    stated_error_message: failureColumn(text('error_message'), ['sms.failed'], 'Why it failed, in words.'),
    keyword: keywordColumn('The keyword, such as `STOP`, if an inbound message is exactly that.'),
    possible_opt_out: optOutWordColumn(
      'The opt-out word that a longer inbound message begins with: a person has to decide what it means.',
    ),
    queued_at_ms: milestone(['sms.queued'], 'When it was queued.'),
    sent_at_ms: milestone(['sms.sent'], 'When it was sent.'),
    delivered_at_ms: milestone(['sms.delivered'], 'When it was delivered.', time('delivered_at'), [
      'sms.delivered',
    ]),
    failed_at_ms: milestone(['sms.failed'], 'When it failed.'),
    received_at_ms: milestone(['sms.received'], 'When it was received.', time('received_at'), [
      'sms.received',
    ]),
  },
});
