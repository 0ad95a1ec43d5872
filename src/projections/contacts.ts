/**
 * One row per phone number that has sent a keyword: whether messages may be sent to it. A number is opted out if its
 * latest opt-out is not older than its latest opt-in; a tie counts as opted out.
 */

import type { Projection } from '../core/tables/projection.ts';
import { effectOf, keywordOf } from './keywords.ts';
import { type Settled, settle } from './settle.ts';

export interface ContactRow extends Settled {
  [column: string]: string | number | null;
  phone_number: string;
  /** 0 or 1. */
  opted_out: number;
  /** Times of the latest opt-out and opt-in. */
  opted_out_at_ms: number | null;
  opted_in_at_ms: number | null;
  last_keyword: string | null;
  last_seq: number;
}

const SETTLED = ['last_keyword'] as const;

export const contacts: Projection<ContactRow> = {
  name: 'contacts',
  version: 1,
  key: 'phone_number',
  columns: {
    phone_number: 'TEXT NOT NULL UNIQUE',
    opted_out: 'INTEGER NOT NULL',
    opted_out_at_ms: 'INTEGER',
    opted_in_at_ms: 'INTEGER',
    last_keyword: 'TEXT',
    last_seq: 'INTEGER NOT NULL',
    value_times_ms: 'TEXT NOT NULL',
  },

  keyOf({ tabled, fields }) {
    if (tabled !== 'sms.received' || keywordOf(fields.message()) === undefined) return undefined;
    return fields.requiredId('from_number');
  },

  fold(row, { fields, occurredAtMs, seq }, phoneNumber) {
    const next: ContactRow = row === undefined ? newRow(phoneNumber, seq) : { ...row };
    const keyword = keywordOf(fields.message()) ?? null;
    const effect = effectOf(keyword ?? '');
    if (effect === 'opt-out') next.opted_out_at_ms = latest(next.opted_out_at_ms, occurredAtMs);
    if (effect === 'opt-in') next.opted_in_at_ms = latest(next.opted_in_at_ms, occurredAtMs);
    next.opted_out = isOptedOut(next) ? 1 : 0;
    settle(next, SETTLED, { last_keyword: keyword }, occurredAtMs);
    next.last_seq = Math.max(next.last_seq, seq);
    return next;
  },
};

function isOptedOut({ opted_out_at_ms, opted_in_at_ms }: ContactRow): boolean {
  return opted_out_at_ms !== null && (opted_in_at_ms === null || opted_out_at_ms >= opted_in_at_ms);
}

function latest(held: number | null, atMs: number): number {
  return held === null ? atMs : Math.max(held, atMs);
}

function newRow(phoneNumber: string, seq: number): ContactRow {
  return {
    phone_number: phoneNumber,
    opted_out: 0,
    opted_out_at_ms: null,
    opted_in_at_ms: null,
    last_keyword: null,
    last_seq: seq,
    value_times_ms: '[]',
  };
}
