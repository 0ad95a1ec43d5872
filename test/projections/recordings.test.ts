import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FieldError } from '../../src/core/event/field-kinds.ts';
import { ROW_KEY_BYTES_MAX } from '../../src/core/limits.ts';
import { recordings } from '../../src/projections/recordings.ts';
import { columnsOf, envelope, eventOf, rowOf, T0_MS } from '../support/events.ts';

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
      identified_by: 'id',
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
      stated_error_message: null,
      started_at_ms: null,
      failed_at_ms: null,
      completed_at_ms: ms(1),
      transcribed_at_ms: null,
      event_count: 1,
      first_seq: 1,
      last_seq: 1,
      value_times_ms: JSON.stringify([...Array(7).fill(ms(1)), null, null, null, null]),
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

  it('has the greatest status of its events, and of several with the same rank the latest', () => {
    const statusOf = (...events: [type: string, atS: number][]) => {
      const bodies = events.map(([type, atS]) => event(type, atS, { error_message: 'Empty' }));
      const [row, reversed] = [rowOf(recordings, ...bodies), rowOf(recordings, ...bodies.toReversed())];
      assert.equal(row?.status, reversed?.status);
      return row?.status;
    };
    assert.equal(statusOf(['call.recording.started', 9]), 'started');
    assert.equal(statusOf(['recording.started', 9], ['recording.failed', 1]), 'failed');
    assert.equal(statusOf(['recording.failed', 1], ['recording.complete', 2]), 'complete');
    assert.equal(statusOf(['call.recording.failed', 3], ['recording.complete', 2]), 'failed');
    assert.equal(statusOf(['transcription.failed', 1], ['recording.ready', 9]), 'transcription_failed');
    assert.equal(statusOf(['transcription.failed', 1], ['transcription.completed', 2]), 'transcribed');
    assert.equal(statusOf(['transcription.failed', 3], ['recording.transcribed', 2]), 'transcription_failed');
  });

  it('that failed has the reason and the time', () => {
    for (const type of ['recording.failed', 'transcription.failed']) {
      const row = rowOf(
        recordings,
        event(type, 2, { error_message: 'Empty' }),
        event('recording.started', 1),
      );
      assert.deepEqual(columnsOf(row, 'started_at_ms', 'failed_at_ms', 'stated_error_message'), {
        started_at_ms: ms(1),
        failed_at_ms: ms(2),
        stated_error_message: 'Empty',
      });
    }
  });

  it('is recognized under every spelling of its id', () => {
    const row = rowOf(recordings, envelope('recording.ready', { recording_sid: 'RE1' }));
    assert.deepEqual(columnsOf(row, 'recording_id', 'identified_by'), {
      recording_id: 'RE1',
      identified_by: 'id',
    });
  });

  it('cannot be used without any id', () => {
    assert.throws(
      () => rowOf(recordings, envelope('recording.complete', { id: 'x' })),
      new FieldError('recording_id is missing'),
    );
  });

  it('keeps the rest if a value is of the wrong kind', () => {
    for (const [data, problem] of [
      [{ size_bytes: 0.5 }, 'size_bytes must be a whole number ≥ 0, got a fraction'],
      [{ size_bytes: 2 ** 53 }, 'size_bytes must be a whole number ≥ 0, got a number beyond 2^53 - 1'],
      [{ duration: -1 }, 'duration must be a number ≥ 0, got a negative number'],
      [{ format: 3 }, 'format must be text, got a number'],
      [
        { recording_id: {}, recording_sid: 'r1' },
        'recording_id must be text or a whole number from 0 to 2^53 - 1, got an object',
      ],
    ] as const) {
      const bad = eventOf(event('recording.complete', 1, data));
      assert.equal(recordings.keyOf(bad), 'r1');
      assert.equal(recordings.fold(undefined, bad, 'r1').status, 'complete');
      assert.deepEqual([...bad.fields.problems.values()], [problem]);
    }
  });

  it('is not affected by calls and messages', () => {
    for (const type of ['call.completed', 'sms.received', 'call.initiated'])
      assert.equal(rowOf(recordings, event(type, 1, { message_id: 'm' })), undefined);
  });
});

describe('a recording without an id', () => {
  const keyOf = (data: object, type = 'call.recording.completed') =>
    recordings.keyOf(eventOf(envelope(type, { call_id: 'c5', ...data })));
  const keyOfUrl = (url: string) => keyOf({ recording_url: url });

  it('is known by its call and its URL: another URL is another recording', () => {
    const first = keyOfUrl('https://r.example/1.wav');
    assert.match(String(first), /^c5#[0-9a-f]{16}$/);
    assert.notEqual(first, keyOfUrl('https://r.example/2.wav'));
    assert.notEqual(first, keyOf({ call_id: 'c6', recording_url: 'https://r.example/1.wav' }));
    assert.equal(first, keyOf({ recording_url: 'https://r.example/1.wav', duration: 9 }, 'recording.ready'));
    assert.equal(first, keyOf({ recording_url: 'https://r.example/1.wav' }, 'transcription.completed'));
    assert.notEqual(keyOfUrl('https://r.example/?take=1'), keyOfUrl('https://r.example/?take=2'));
  });

  it('stays the same if its URL is signed again', () => {
    for (const [one, other] of [
      ['https://s3.example/1.wav?X-Amz-Date=1&X-Amz-Signature=a', 'https://s3.example/1.wav?X-Amz-Date=2'],
      ['https://s3.example/1.wav?AWSAccessKeyId=a&Expires=1&Signature=b', 'https://s3.example/1.wav'],
      ['https://g.example/1?x-goog-signature=a&X-Goog-Expires=1&take=1', 'https://g.example/1?take=1'],
      ['https://g.example/1?GoogleAccessId=a&Expires=1&Signature=b', 'https://g.example/1?Expires=2'],
      ['https://az.example/1?sv=1&sr=b&sig=a&se=2&sp=r', 'https://az.example/1?sv=9&sig=b&se=3'],
      ['https://az.example/1?sig=a&sip=10.0.0.1&sduoid=1', 'https://az.example/1?sig=b&sip=10.0.0.2'],
      ['https://cf.example/1?Expires=1&Signature=a&Key-Pair-Id=K&Policy=p', 'https://cf.example/1#start'],
      ['https://cf.example/1?Signature=a&Hash-Algorithm=SHA256', 'https://cf.example/1?'],
      ['https://s3.example/1?name=a%20b&X-Amz-Date=1', 'https://s3.example/1?name=a%20b'],
      ['/recordings/1.wav?X-Amz-Date=1', '/recordings/1.wav?X-Amz-Date=2'],
    ] as const)
      assert.equal(keyOfUrl(one), keyOfUrl(other), one);
    assert.notEqual(keyOfUrl('https://r.example/1?sr=1'), keyOfUrl('https://r.example/1?sr=2'), 'not signed');
  });

  it('is found quickly, however many parameters its URL has', () => {
    const parameters = Array.from({ length: 20_000 }, (_, index) => `x-amz-${index}=1`).join('&');
    const before = performance.now();
    assert.equal(keyOfUrl(`https://r.example/1.wav?${parameters}`), keyOfUrl('https://r.example/1.wav'));
    assert.ok(performance.now() - before < 2_000, 'a parsed URL takes a minute');
  });

  it('has one kind of key, whichever event came first: an id may look like a key of another kind', () => {
    const started = envelope('recording.started', { call_id: 'c5' });
    const lookalike = envelope('recording.started', { recording_id: 'c5#recording.started' });
    assert.equal(rowOf(recordings, started, lookalike)?.identified_by, 'id');
    assert.equal(rowOf(recordings, lookalike, started)?.identified_by, 'id');
  });

  it('is known by a URL that is none as well', () => {
    assert.match(String(keyOfUrl('recordings/1.wav')), /^c5#[0-9a-f]{16}$/);
    assert.notEqual(keyOfUrl('recordings/1.wav'), keyOfUrl('recordings/2.wav'));
  });

  it('and without a URL is no recording: it has a row for each type of event', () => {
    assert.equal(keyOf({}), 'c5#recording.complete');
    assert.equal(keyOf({ recording_url: {} }), 'c5#recording.complete');
    assert.equal(keyOf({}, 'call.recording.started'), 'c5#recording.started');
    assert.equal(keyOf({}, 'transcription.completed'), 'c5#recording.transcribed');
    const row = rowOf(recordings, envelope('call.recording.started', { call_id: 'c5' }));
    assert.deepEqual(columnsOf(row, 'identified_by', 'call_uuid', 'status'), {
      identified_by: 'call',
      call_uuid: 'c5',
      status: 'started',
    });
  });

  it('has a key within its limit, however long the id of its call is', () => {
    assert.ok(Buffer.byteLength(String(keyOf({ call_id: 'é'.repeat(250) }))) <= ROW_KEY_BYTES_MAX);
  });
});
