/** One row per message, from `sms.*` and `mms.*`, in either direction. */

import type { Event } from '../core/event/event.ts';
import type { Projection } from '../core/tables/projection.ts';
import { keywordOf } from './keywords.ts';
import { createLifecycle, LIFE_COLUMN_TYPES, type LifeColumns } from './lifecycle.ts';
import { type Settled, type Stated, settle } from './settle.ts';

export interface SmsRow extends Settled, LifeColumns {
  [column: string]: string | number | null;
  message_id: string;
  tenant_id: string | null;
  direction: string | null;
  from_number: string | null;
  to_number: string | null;
  message: string | null;
  segments: number | null;
  /** JSON list of texts. */
  media_urls: string | null;
  media_count: number | null;
  /** queued < sent < delivered, failed, received */
  status: string;
  error_code: string | null;
  error_message: string | null;
  /** STOP, HELP …, if an inbound message is exactly that. */
  keyword: string | null;
  queued_at_ms: number | null;
  sent_at_ms: number | null;
  delivered_at_ms: number | null;
  failed_at_ms: number | null;
  received_at_ms: number | null;
}

type Milestone = 'queued_at_ms' | 'sent_at_ms' | 'delivered_at_ms' | 'failed_at_ms' | 'received_at_ms';

const lifecycle = createLifecycle<Milestone>({
  'sms.queued': { status: 'queued', rank: 0, milestone: 'queued_at_ms' },
  'sms.sent': { status: 'sent', rank: 1, milestone: 'sent_at_ms' },
  'sms.delivered': { status: 'delivered', rank: 2, milestone: 'delivered_at_ms', field: 'delivered_at' },
  'sms.failed': { status: 'failed', rank: 2, milestone: 'failed_at_ms' },
  'sms.received': { status: 'received', rank: 2, milestone: 'received_at_ms', field: 'received_at' },
});

const SETTLED = [
  'tenant_id',
  'direction',
  'from_number',
  'to_number',
  'message',
  'segments',
  'media_urls',
  'media_count',
  'error_code',
  'error_message',
  'keyword',
] as const;

export const smsMessages: Projection<SmsRow> = {
  name: 'sms_messages',
  version: 1,
  key: 'message_id',
  columns: {
    message_id: 'TEXT NOT NULL UNIQUE',
    tenant_id: 'TEXT',
    direction: 'TEXT',
    from_number: 'TEXT',
    to_number: 'TEXT',
    message: 'TEXT',
    segments: 'INTEGER',
    media_urls: 'TEXT',
    media_count: 'INTEGER',
    status: 'TEXT NOT NULL',
    error_code: 'TEXT',
    error_message: 'TEXT',
    keyword: 'TEXT',
    queued_at_ms: 'INTEGER',
    sent_at_ms: 'INTEGER',
    delivered_at_ms: 'INTEGER',
    failed_at_ms: 'INTEGER',
    received_at_ms: 'INTEGER',
    ...LIFE_COLUMN_TYPES,
    value_times_ms: 'TEXT NOT NULL',
  },

  keyOf(event) {
    return lifecycle.covers(event) ? event.fields.requiredId('message_id') : undefined;
  },

  fold(row, event, messageId) {
    const next: SmsRow = row === undefined ? newRow(messageId, event) : { ...row };
    lifecycle.advance(next, event);
    settle(next, SETTLED, statedBy(event), event.occurredAtMs);
    return next;
  },
};

function statedBy({ fields, tabled }: Event): Stated<(typeof SETTLED)[number]> {
  const message = fields.message();
  const mediaUrls = fields.textList('media_urls');
  const stated: Stated<(typeof SETTLED)[number]> = {
    tenant_id: fields.id('tenant_id'),
    direction: fields.text('direction'),
    from_number: fields.id('from_number'),
    to_number: fields.id('to_number'),
    message,
    segments: fields.count('segments'),
    media_urls: mediaUrls === undefined ? undefined : JSON.stringify(mediaUrls),
    media_count: fields.count('media_count') ?? mediaUrls?.length,
  };
  if (tabled === 'sms.received') stated.keyword = keywordOf(message);
  if (tabled === 'sms.failed') {
    stated.error_code = fields.id('error_code');
    stated.error_message = fields.text('error_message');
  }
  return stated;
}

function newRow(messageId: string, event: Event): SmsRow {
  const { status, status_at_ms, event_count, first_seq, last_seq } = lifecycle.begin(event);
  return {
    message_id: messageId,
    tenant_id: null,
    direction: null,
    from_number: null,
    to_number: null,
    message: null,
    segments: null,
    media_urls: null,
    media_count: null,
    error_code: null,
    error_message: null,
    keyword: null,
    queued_at_ms: null,
    sent_at_ms: null,
    delivered_at_ms: null,
    failed_at_ms: null,
    received_at_ms: null,
    status,
    status_at_ms,
    event_count,
    first_seq,
    last_seq,
    value_times_ms: '[]',
  };
}
