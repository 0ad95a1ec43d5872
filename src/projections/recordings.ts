/**
 * One row per recording. Some recording events have no recording id; the call's id is used then. Does not change
 * `calls`: reports join by `call_uuid`.
 */

import type { Event } from '../core/event/event.ts';
import type { Projection } from '../core/tables/projection.ts';
import { createLifecycle, LIFE_COLUMN_TYPES, type LifeColumns } from './lifecycle.ts';
import { type Settled, type Stated, settle } from './settle.ts';

export interface RecordingRow extends Settled, LifeColumns {
  [column: string]: string | number | null;
  recording_id: string;
  call_uuid: string | null;
  tenant_id: string | null;
  recording_url: string | null;
  duration_seconds: number | null;
  size_bytes: number | null;
  format: string | null;
  /** complete < transcribed */
  status: string;
  transcription: string | null;
  language: string | null;
  confidence: number | null;
  completed_at_ms: number | null;
  transcribed_at_ms: number | null;
}

const lifecycle = createLifecycle<'completed_at_ms' | 'transcribed_at_ms'>({
  'recording.complete': { status: 'complete', rank: 0, milestone: 'completed_at_ms' },
  'recording.transcribed': { status: 'transcribed', rank: 1, milestone: 'transcribed_at_ms' },
});

const SETTLED = [
  'call_uuid',
  'tenant_id',
  'recording_url',
  'duration_seconds',
  'size_bytes',
  'format',
  'transcription',
  'language',
  'confidence',
] as const;

export const recordings: Projection<RecordingRow> = {
  name: 'recordings',
  version: 1,
  key: 'recording_id',
  columns: {
    recording_id: 'TEXT NOT NULL UNIQUE',
    call_uuid: 'TEXT',
    tenant_id: 'TEXT',
    recording_url: 'TEXT',
    duration_seconds: 'REAL',
    size_bytes: 'INTEGER',
    format: 'TEXT',
    status: 'TEXT NOT NULL',
    transcription: 'TEXT',
    language: 'TEXT',
    confidence: 'REAL',
    completed_at_ms: 'INTEGER',
    transcribed_at_ms: 'INTEGER',
    ...LIFE_COLUMN_TYPES,
    value_times_ms: 'TEXT NOT NULL',
  },

  keyOf(event) {
    if (!lifecycle.covers(event)) return undefined;
    const { fields } = event;
    return fields.id('recording_id') ?? fields.id('call_uuid') ?? fields.requiredId('recording_id');
  },

  fold(row, event, recordingId) {
    const next: RecordingRow = row === undefined ? newRow(recordingId, event) : { ...row };
    lifecycle.advance(next, event);
    settle(next, SETTLED, statedBy(event), event.occurredAtMs);
    return next;
  },
};

function statedBy({ fields, tabled }: Event): Stated<(typeof SETTLED)[number]> {
  const stated: Stated<(typeof SETTLED)[number]> = {
    call_uuid: fields.id('call_uuid'),
    tenant_id: fields.id('tenant_id'),
  };
  if (tabled === 'recording.transcribed') {
    stated.transcription = fields.text('transcription');
    stated.language = fields.text('language');
    stated.confidence = fields.number('confidence');
  } else {
    stated.recording_url = fields.text('recording_url');
    stated.duration_seconds = fields.quantity('duration_seconds');
    stated.size_bytes = fields.count('size_bytes');
    stated.format = fields.text('format');
  }
  return stated;
}

function newRow(recordingId: string, event: Event): RecordingRow {
  const { status, status_at_ms, event_count, first_seq, last_seq } = lifecycle.begin(event);
  return {
    recording_id: recordingId,
    call_uuid: null,
    tenant_id: null,
    recording_url: null,
    duration_seconds: null,
    size_bytes: null,
    format: null,
    transcription: null,
    language: null,
    confidence: null,
    completed_at_ms: null,
    transcribed_at_ms: null,
    status,
    status_at_ms,
    event_count,
    first_seq,
    last_seq,
    value_times_ms: '[]',
  };
}
