import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FieldError } from '../../src/core/event/fields.ts';
import { recordings } from '../../src/projections/recordings.ts';
import { columnsOf, envelope, rowOf, T0_MS } from '../support/events.ts';

const ms = (second: number) => T0_MS + second * 1000;
const event = (type: string, atS: number, data: object = {}) =>
  envelope(type, { recording_id: 'r1', call_uuid: 'c1', ...data }, atS);

describe('a recording', () => {
  it('complete states its URL, duration, size and format', () => {
    const row = rowOf(
      recordings,
      event('recording.complete', 1, {
        tenant_id: 42,
        recording_url: 'https://rec.example/1',
        duration: '12.5',
        size_bytes: 1_887_436,
        format: 'mp3',
        transcription: 'not of this type',
      }),
    );
    assert.deepEqual(row, {
      recording_id: 'r1',
      call_uuid: 'c1',
      tenant_id: '42',
      recording_url: 'https://rec.example/1',
      duration_seconds: 12.5,
      size_bytes: 1_887_436,
      format: 'mp3',
      status: 'complete',
      status_at_ms: ms(1),
      transcription: null,
      language: null,
      confidence: null,
      completed_at_ms: ms(1),
      transcribed_at_ms: null,
      event_count: 1,
      first_seq: 1,
      last_seq: 1,
      value_times_ms: JSON.stringify([...Array(6).fill(ms(1)), null, null, null]),
    });
  });

  it('transcribed states its text, language and confidence, and nothing about the file', () => {
    const row = rowOf(
      recordings,
      event('recording.transcribed', 2, {
        text: 'Hello.',
        language: 'en',
        confidence: '0.97',
        size_bytes: 5,
      }),
    );
    assert.deepEqual(
      columnsOf(row, 'status', 'transcription', 'language', 'confidence', 'transcribed_at_ms', 'size_bytes'),
      {
        status: 'transcribed',
        transcription: 'Hello.',
        language: 'en',
        confidence: 0.97,
        transcribed_at_ms: ms(2),
        size_bytes: null,
      },
    );
  });

  it('stays transcribed, whatever the order of arrival and the times', () => {
    const events = [
      event('recording.complete', 9, { format: 'wav' }),
      event('recording.transcribed', 2, { transcript: 'Hi' }),
    ];
    for (const order of [events, events.toReversed()]) {
      assert.deepEqual(
        columnsOf(
          rowOf(recordings, ...order),
          'status',
          'completed_at_ms',
          'transcribed_at_ms',
          'format',
          'transcription',
        ),
        {
          status: 'transcribed',
          completed_at_ms: ms(9),
          transcribed_at_ms: ms(2),
          format: 'wav',
          transcription: 'Hi',
        },
      );
    }
  });

  it('means the same in every spelling of its types', () => {
    for (const type of ['recording.completed', 'recording.ready', 'call.recording.completed'])
      assert.equal(rowOf(recordings, event(type, 1))?.status, 'complete', type);
    assert.equal(rowOf(recordings, event('transcription.completed', 1))?.status, 'transcribed');
  });

  it('has its call’s id if it has none of its own', () => {
    const row = rowOf(recordings, envelope('call.recording.completed', { call_id: 'c9' }));
    assert.deepEqual(columnsOf(row, 'recording_id', 'call_uuid'), { recording_id: 'c9', call_uuid: 'c9' });
    assert.equal(
      rowOf(recordings, envelope('recording.ready', { recording_sid: 'RE1' }))?.recording_id,
      'RE1',
    );
  });

  it('cannot be used without any id', () => {
    assert.throws(
      () => rowOf(recordings, envelope('recording.complete', { id: 'x' })),
      new FieldError('recording_id is missing'),
    );
  });

  it('cannot be used with a value of the wrong kind', () => {
    for (const [data, reason] of [
      [{ size_bytes: 0.5 }, 'size_bytes must be a whole number ≥ 0, got 0.5'],
      [{ size_bytes: 2 ** 53 }, 'size_bytes must be a whole number ≥ 0, got 9007199254740992'],
      [{ duration: -1 }, 'duration must be a number ≥ 0, got -1'],
      [{ format: 3 }, 'format must be text, got 3'],
    ] as const) {
      assert.throws(() => rowOf(recordings, event('recording.complete', 1, data)), new FieldError(reason));
    }
    assert.throws(
      () => rowOf(recordings, event('recording.transcribed', 1, { confidence: 'high' })),
      new FieldError('confidence must be a number, got text'),
    );
  });

  it('is not affected by calls and messages', () => {
    for (const type of ['call.completed', 'sms.received', 'call.initiated'])
      assert.equal(rowOf(recordings, event(type, 1, { message_id: 'm' })), undefined);
  });
});
