/**
 * One row per call, from the eight documented `call.*` types. It does not include the call's recording: reports join
 * `recordings` by `call_uuid`.
 */

import type { Event } from '../core/event/event.ts';
import type { Projection } from '../core/tables/projection.ts';
import { createLifecycle, LIFE_COLUMN_TYPES, type LifeColumns } from './lifecycle.ts';
import { type Settled, type Stated, settle } from './settle.ts';

export interface CallRow extends Settled, LifeColumns {
  [column: string]: string | number | null;
  call_uuid: string;
  tenant_id: string | null;
  direction: string | null;
  from_number: string | null;
  to_number: string | null;
  /** initiated < ringing < answered < completed, failed, no_answer, busy, cancelled */
  status: string;
  initiated_at_ms: number | null;
  ringing_at_ms: number | null;
  answered_at_ms: number | null;
  ended_at_ms: number | null;
  answered_by: string | null;
  cancelled_by: string | null;
  error_code: string | null;
  error_message: string | null;
  hangup_cause: string | null;
  duration_seconds: number | null;
  total_cost_micros: number | null;
  recording_url: string | null;
}

type Milestone = 'initiated_at_ms' | 'ringing_at_ms' | 'answered_at_ms' | 'ended_at_ms';

const lifecycle = createLifecycle<Milestone>({
  'call.initiated': { status: 'initiated', rank: 0, milestone: 'initiated_at_ms', field: 'started_at' },
  'call.ringing': { status: 'ringing', rank: 1, milestone: 'ringing_at_ms' },
  'call.answered': { status: 'answered', rank: 2, milestone: 'answered_at_ms', field: 'answered_at' },
  'call.completed': { status: 'completed', rank: 3, milestone: 'ended_at_ms', field: 'ended_at' },
  'call.failed': { status: 'failed', rank: 3, milestone: 'ended_at_ms', field: 'ended_at' },
  'call.no_answer': { status: 'no_answer', rank: 3, milestone: 'ended_at_ms', field: 'ended_at' },
  'call.busy': { status: 'busy', rank: 3, milestone: 'ended_at_ms', field: 'ended_at' },
  'call.cancelled': { status: 'cancelled', rank: 3, milestone: 'ended_at_ms', field: 'ended_at' },
});

const SETTLED = [
  'tenant_id',
  'direction',
  'from_number',
  'to_number',
  'answered_by',
  'cancelled_by',
  'error_code',
  'error_message',
  'hangup_cause',
  'duration_seconds',
  'total_cost_micros',
  'recording_url',
] as const;

export const calls: Projection<CallRow> = {
  name: 'calls',
  version: 1,
  key: 'call_uuid',
  columns: {
    call_uuid: 'TEXT NOT NULL UNIQUE',
    tenant_id: 'TEXT',
    direction: 'TEXT',
    from_number: 'TEXT',
    to_number: 'TEXT',
    status: 'TEXT NOT NULL',
    initiated_at_ms: 'INTEGER',
    ringing_at_ms: 'INTEGER',
    answered_at_ms: 'INTEGER',
    ended_at_ms: 'INTEGER',
    answered_by: 'TEXT',
    cancelled_by: 'TEXT',
    error_code: 'TEXT',
    error_message: 'TEXT',
    hangup_cause: 'TEXT',
    duration_seconds: 'REAL',
    total_cost_micros: 'INTEGER',
    recording_url: 'TEXT',
    ...LIFE_COLUMN_TYPES,
    value_times_ms: 'TEXT NOT NULL',
  },
  generated: { total_cost: 'REAL GENERATED ALWAYS AS (total_cost_micros / 1000000.0) VIRTUAL' },

  keyOf(event) {
    return lifecycle.covers(event) ? event.fields.requiredId('call_uuid') : undefined;
  },

  fold(row, event, callUuid) {
    const next: CallRow = row === undefined ? newRow(callUuid, event) : { ...row };
    lifecycle.advance(next, event);
    settle(next, SETTLED, statedBy(event), event.occurredAtMs);
    return next;
  },
};

/** The values that count for this event type: a `duration` of 0 in `call.answered` is not the call's duration. */
function statedBy({ fields, tabled }: Event): Stated<(typeof SETTLED)[number]> {
  const stated: Stated<(typeof SETTLED)[number]> = {
    tenant_id: fields.id('tenant_id'),
    direction: fields.text('direction'),
    from_number: fields.id('from_number'),
    to_number: fields.id('to_number'),
  };
  switch (tabled) {
    case 'call.answered':
      stated.answered_by = fields.text('answered_by');
      break;
    case 'call.cancelled':
      stated.cancelled_by = fields.text('cancelled_by');
      stated.hangup_cause = fields.id('hangup_cause');
      break;
    case 'call.failed':
      stated.error_code = fields.id('error_code');
      stated.error_message = fields.text('error_message');
      stated.hangup_cause = fields.id('hangup_cause');
      break;
    case 'call.completed':
      stated.duration_seconds = fields.quantity('duration_seconds');
      stated.total_cost_micros = fields.micros('total_cost');
      stated.hangup_cause = fields.id('hangup_cause');
      stated.recording_url = fields.text('recording_url');
      break;
    case 'call.no_answer':
    case 'call.busy':
      stated.hangup_cause = fields.id('hangup_cause');
  }
  return stated;
}

function newRow(callUuid: string, event: Event): CallRow {
  const { status, status_at_ms, event_count, first_seq, last_seq } = lifecycle.begin(event);
  return {
    call_uuid: callUuid,
    tenant_id: null,
    direction: null,
    from_number: null,
    to_number: null,
    initiated_at_ms: null,
    ringing_at_ms: null,
    answered_at_ms: null,
    ended_at_ms: null,
    answered_by: null,
    cancelled_by: null,
    error_code: null,
    error_message: null,
    hangup_cause: null,
    duration_seconds: null,
    total_cost_micros: null,
    recording_url: null,
    status,
    status_at_ms,
    event_count,
    first_seq,
    last_seq,
    value_times_ms: '[]',
  };
}
