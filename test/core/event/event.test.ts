import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type EventContent, interpret, type ReadBody, readBody } from '../../../src/core/event/event.ts';
import {
  DOCUMENTED_TYPES,
  familyOf,
  SPELLINGS_WITH_TABLE,
  tabledType,
} from '../../../src/core/event/event-types.ts';
import { CALL_UUID, FieldError, FROM_NUMBER } from '../../../src/core/event/field-kinds.ts';
import { EVENT_TYPE_CHARS_MAX, ROW_KEY_BYTES_MAX } from '../../../src/core/limits.ts';
import type { ProjectionColumn } from '../../../src/core/tables/projection.ts';
import { DURATION_SECONDS } from '../../../src/projections/columns.ts';
import { derivations } from '../../../src/projections/index.ts';
import { bytesOf, eventOf, T0_MS, T0_S } from '../../support/events.ts';
import { seededRandom } from '../../support/random.ts';
import { FIELD_REASON, PARSE_REASON, randomBody, randomObject } from '../../support/random-bodies.ts';
import { FIELD_NAMES, randomJson } from '../../support/random-values.ts';

const read = (body: string | Uint8Array | object, header: string | null = null) =>
  readBody(bytesOf(body), header);
const meaning = (body: string | Uint8Array | object, header: string | null = null) =>
  interpret(read(body, header), T0_S);

function failure(body: string | Uint8Array | object, header: string | null = null): string {
  const found = meaning(body, header);
  assert.equal(found.kind, 'failure', JSON.stringify(found));
  return found.kind === 'failure' ? found.reason : '';
}

describe('the three shapes of a body', () => {
  const fields = { call_id: 'c1', from: '+15551230001', duration: 12 };
  const shapes = {
    envelope: eventOf({ event: 'call.completed', event_id: 'e', timestamp: T0_S, data: fields }),
    bare: eventOf({ ...fields, timestamp: T0_S }, { eventHeader: 'call.completed' }),
    flat: eventOf({ event: 'call.completed', timestamp: T0_S, ...fields }),
  };

  for (const [shape, event] of Object.entries(shapes)) {
    it(`${shape}: gives type, time and fields`, () => {
      assert.equal(event.type, 'call.completed');
      assert.equal(event.tabled, 'call.completed');
      assert.equal(event.occurredAtMs, T0_MS);
      assert.equal(event.fields.get(CALL_UUID), 'c1');
      assert.equal(event.fields.get(FROM_NUMBER), '+15551230001');
      assert.equal(event.fields.get(DURATION_SECONDS), 12);
    });
  }

  it('"data": null is not an envelope: the fields are next to it', () => {
    assert.equal(eventOf({ event: 'call.ringing', data: null, call_id: 'c1' }).fields.get(CALL_UUID), 'c1');
  });

  it('in an envelope only the fields in data count', () => {
    const event = eventOf({ event: 'call.ringing', call_id: 'outside', data: { from: '+1' } });
    assert.equal(event.fields.get(CALL_UUID), undefined);
  });
});

describe('the event type', () => {
  const SPELLINGS: Record<string, string> = {
    'call.created': 'call.initiated',
    'call.no-answer': 'call.no_answer',
    'call.canceled': 'call.cancelled',
    'sms.queued': 'sms.queued',
    'mms.queued': 'sms.queued',
    'mms.sent': 'sms.sent',
    'mms.delivered': 'sms.delivered',
    'mms.failed': 'sms.failed',
    'sms.undelivered': 'sms.failed',
    'mms.undelivered': 'sms.failed',
    'mms.received': 'sms.received',
    'recording.completed': 'recording.complete',
    'recording.ready': 'recording.complete',
    'call.recording.completed': 'recording.complete',
    'transcription.completed': 'recording.transcribed',
    'recording.started': 'recording.started',
    'call.recording.started': 'recording.started',
    'recording.failed': 'recording.failed',
    'call.recording.failed': 'recording.failed',
    'recording.transcription_failed': 'recording.transcription_failed',
    'transcription.failed': 'recording.transcription_failed',
  };

  it('has fourteen documented names and other spellings, each with one meaning', () => {
    assert.equal(DOCUMENTED_TYPES.length, 14);
    for (const type of DOCUMENTED_TYPES) assert.equal(tabledType(type), type);
    for (const [spelling, type] of Object.entries(SPELLINGS)) assert.equal(tabledType(spelling), type);
    assert.deepEqual(
      SPELLINGS_WITH_TABLE.toSorted(),
      [...DOCUMENTED_TYPES, ...Object.keys(SPELLINGS)].toSorted(),
    );
  });

  it('is kept as sent, next to its canonical name', () => {
    for (const type of SPELLINGS_WITH_TABLE) {
      const event = eventOf({ event: type, data: { id: 'x' } });
      assert.equal(event.type, type);
      assert.equal(event.tabled, tabledType(type));
    }
  });

  it('is taken from the body; the header’s counts only if the body has none', () => {
    assert.equal(read({ event: 'call.failed' }, 'call.completed').type, 'call.failed');
    assert.equal(read({}, 'call.completed').type, 'call.completed');
    assert.equal(read({ event: null }, 'call.completed').type, 'call.completed');
    assert.equal(meaning({ event: 'call.dtmf', call_uuid: 'c' }, 'call.completed').kind, 'no-table');
  });

  it('is a failure if it is missing from both body and header', () => {
    for (const header of [null, '', 'x'.repeat(EVENT_TYPE_CHARS_MAX + 1)]) {
      assert.match(failure({ call_uuid: 'c' }, header), /^the event type is missing/);
      assert.equal(read({}, header).type, null);
    }
  });

  it('in the body must be text of 1 to 128 characters; the header does not replace an invalid one', () => {
    for (const event of ['', 5, true, {}, ['call.completed'], 'x'.repeat(129), 'call.completed\0', '\0']) {
      assert.equal(
        failure({ event }, 'call.completed'),
        'event must be text of 1 to 128 characters without U+0000',
      );
      assert.equal(read({ event }, 'call.completed').type, null);
    }
    for (const length of [1, 127, 128]) {
      assert.equal(read({ event: 'x'.repeat(length) }).type, 'x'.repeat(length));
      assert.equal(read({}, 'x'.repeat(length)).type, 'x'.repeat(length));
    }
  });

  it('is compared exactly, including case and spaces', () => {
    for (const type of [
      'Call.Completed',
      ' call.completed',
      'call.completed ',
      'call.completed\n',
      '__proto__',
    ]) {
      assert.equal(meaning({ event: type }).kind, 'no-table', type);
    }
  });

  it('is made well-formed', () => {
    assert.equal(read('{"event":"\\ud800"}').type, '\ufffd');
  });

  it('has a family: the part before the first dot', () => {
    assert.deepEqual(['call.completed', 'call.recording.completed', 'sms', '', '.x', 'a.'].map(familyOf), [
      'call',
      'call',
      'sms',
      '',
      '',
      'a',
    ]);
  });
});

describe('an unknown type', () => {
  it('has no table, whatever its data', () => {
    for (const data of [null, [], 'text', 5, { call_uuid: [], timestamp: 'never' }]) {
      assert.equal(meaning({ event: 'fax.received', timestamp: 'never', data }).kind, 'no-table');
    }
  });
});

describe('the dashboard’s test delivery', () => {
  it('has no table, for any type and in any shape', () => {
    for (const event of SPELLINGS_WITH_TABLE) {
      const data = { test: true, message: 'This is a test' };
      assert.equal(meaning({ event, event_id: 'test_1', timestamp: T0_S, data }).kind, 'no-table');
      assert.equal(meaning({ event, ...data }).kind, 'no-table');
      assert.equal(meaning(data, event).kind, 'no-table');
    }
  });

  it('does not count as one if it names a call or a message', () => {
    assert.equal(meaning({ event: 'call.ringing', data: { test: true, call_id: 'c' } }).kind, 'event');
  });
});

describe('the event’s id', () => {
  it('is text or a whole number; anything else counts as missing', () => {
    assert.equal(read({ event: 'x', event_id: 'e1' }).eventId, 'e1');
    assert.equal(read({ event: 'x', event_id: 17 }).eventId, '17');
    assert.equal(read('{"event_id":"\\udc00"}').eventId, '\ufffd');
    for (const event_id of [null, 1.5, 2 ** 53, true, {}, [], 'e\0'])
      assert.equal(read({ event_id }).eventId, null);
  });
});

describe('when an event occurred', () => {
  const at = (body: object) => eventOf({ event: 'call.completed', ...body }).occurredAtMs - T0_MS;
  const iso = (second: number) => new Date(T0_MS + second * 1000).toISOString();

  it('is its timestamp, else data’s, else its latest kind of milestone, else when it was signed', () => {
    assert.equal(at({ timestamp: T0_S + 1, data: { timestamp: T0_S + 2, ended_at: iso(3) } }), 1000);
    assert.equal(at({ data: { timestamp: T0_S + 2, ended_at: iso(3) } }), 2000);
    assert.equal(at({ timestamp: null, data: { ended_at: iso(3), delivered_at: iso(4) } }), 3000);
    assert.equal(at({ data: { delivered_at: iso(4), received_at: iso(5) } }), 4000);
    assert.equal(at({ data: { received_at: iso(5), answered_at: iso(6) } }), 5000);
    assert.equal(at({ data: { answered_at: iso(6), started_at: iso(7) } }), 6000);
    assert.equal(at({ data: { started_at: iso(7), created_at: iso(8) } }), 7000);
    assert.equal(at({ timestamp: '', data: { created_at: iso(8) } }), 8000);
    assert.equal(at({ data: {} }), 0);
  });

  it('is the next usable time if one is unreadable or much later than the signature', () => {
    for (const timestamp of ['soon', '2026-02-30', true, {}, T0_S + 3_601])
      assert.equal(at({ timestamp, data: { timestamp: [], ended_at: iso(3) } }), 3000);
    assert.equal(at({ timestamp: 'yesterday', data: { started_at: 5 } }), 0);
  });

  it('names the unusable times that it passed over', () => {
    const { fields } = eventOf('{"event":"call.ringing","timestamp":1e400,"data":{"ended_at":"soon"}}');
    assert.deepEqual(
      [...fields.problems].map(([name, problem]) => [name, problem.split(',').at(-1)]),
      [
        ['timestamp', ' got a number beyond 2^53 - 1'],
        ['ended_at', ' got text'],
      ],
    );
  });

  it('can be limited to times that are not long before the signature', () => {
    const { fields } = eventOf({
      event: 'sms.received',
      timestamp: T0_S - 100,
      data: { received_at: iso(-5) },
    });
    assert.equal(fields.occurredAtMs(100_000), T0_MS - 100_000);
    assert.deepEqual([...fields.problems], []);
    assert.equal(fields.occurredAtMs(99_999), T0_MS - 5000);
    assert.equal(fields.occurredAtMs(0), T0_MS);
    assert.deepEqual([...fields.problems.keys()], ['timestamp', 'received_at']);
  });
});

it('a defect in reading one event is a failure of that event, and quotes nothing', () => {
  const json = {
    get timestamp(): never {
      throw Object.assign(new Error('text of the delivery'), { code: 'E_DEFECT' });
    },
  };
  assert.deepEqual(interpret({ ...read({ event: 'call.ringing' }), json }, T0_S), {
    kind: 'failure',
    reason: 'the receiver failed on this event (E_DEFECT)',
  });
});

describe('a body that cannot be read', () => {
  const unreadable = (body: string | Uint8Array): ReadBody => {
    const result = read(body, 'call.completed');
    assert.equal(result.json, undefined);
    assert.equal(result.type, 'call.completed', 'its type comes from the header');
    assert.equal(interpret(result, T0_S).kind, 'failure');
    return result;
  };

  it('is reported without quoting it', () => {
    assert.equal(unreadable('').reason, 'the body is empty');
    for (const body of [
      'Ann',
      '{',
      '{"a":1,}',
      "{'a':1}",
      '{"a":NaN}',
      '{} {}',
      '\0',
      '{"a":"\n"}',
      '{"a":01}',
    ]) {
      assert.equal(unreadable(body).reason, 'the body is not valid JSON', JSON.stringify(body));
    }
  });

  it('is JSON but not an object', () => {
    for (const [body, kind] of [
      ['null', 'null'],
      ['[]', 'a list'],
      ['[{"event":"call.completed"}]', 'a list'],
      ['"call.completed"', 'text'],
      ['17', 'a number'],
      ['true', 'a boolean'],
    ] as const) {
      assert.equal(unreadable(body).reason, `the body must be a JSON object, got ${kind}`);
    }
  });

  it('is not UTF-8: overlong, truncated, surrogates, a lone continuation, Latin-1', () => {
    for (const hex of ['c080', 'e282', 'eda080', '80', 'ff', 'f4908080', 'fe', 'e9']) {
      const body = Buffer.concat([Buffer.from('{"a":"'), Buffer.from(hex, 'hex'), Buffer.from('"}')]);
      assert.equal(unreadable(body).reason, 'the body is not valid UTF-8', hex);
    }
    assert.equal(unreadable(Buffer.from('{"event":"x"}', 'utf16le')).reason, 'the body is not valid JSON');
  });
});

describe('an odd body', () => {
  it('may begin with a byte order mark, once', () => {
    assert.equal(read('\ufeff{"event":"call.ringing"}').type, 'call.ringing');
    assert.equal(read('\ufeff\ufeff{"event":"call.ringing"}').reason, 'the body is not valid JSON');
  });

  it('is read even inside a larger buffer', () => {
    const whole = Buffer.from('xx{"event":"call.ringing"}yy');
    assert.equal(readBody(whole.subarray(2, whole.length - 2), null).type, 'call.ringing');
    assert.equal(readBody(new Uint8Array(whole).subarray(2, whole.length - 2), null).type, 'call.ringing');
  });

  it('with a repeated key has the value of the last one', () => {
    const event = eventOf(
      '{"event":"call.failed","event":"call.ringing","data":{"call_id":"a","call_id":"b"}}',
    );
    assert.equal(event.tabled, 'call.ringing');
    assert.equal(event.fields.get(CALL_UUID), 'b');
  });

  it('cannot set or change a prototype', () => {
    assert.match(
      failure('{"__proto__":{"event":"call.ringing","call_uuid":"c"}}'),
      /^the event type is missing/,
    );
    const event = eventOf('{"event":"call.ringing","data":{"__proto__":{"call_uuid":"c"},"call_id":"d"}}');
    assert.equal(event.fields.get(CALL_UUID), 'd');
    assert.equal(({} as Record<string, unknown>)['call_uuid'], undefined);
  });

  it('is read with NUL, a lone surrogate or line separators in its texts', () => {
    const event = eventOf('{"event":"call.ringing","call_id":"a\\u0000b\\ud800\u2028"}');
    assert.equal(event.fields.get(CALL_UUID), 'a\ufffdb\ufffd\u2028');
  });

  it('65, 5,000 or 400,000 levels deep is read or refused, quickly and without throwing', () => {
    for (const depth of [65, 5_000, 400_000]) {
      const startMs = performance.now();
      const list = `${'['.repeat(depth)}${']'.repeat(depth)}`;
      const object = `${'{"data":'.repeat(depth)}1${'}'.repeat(depth)}`;
      for (const body of [
        list,
        object,
        `{"event":"call.ringing","call_id":"c","data":{"call_id":"c","from":${list}}}`,
        `{"event":"call.ringing","timestamp":${list},"data":{"call_id":"c"}}`,
        `{"event":"sms.sent","data":{"message_id":"m","media_urls":${list}}}`,
        `{"event":"fax.received","data":${object}}`,
        `{"event":${object}}`,
        list.slice(0, depth),
      ]) {
        const found = meaning(body);
        if (found.kind === 'event') usable(found.event);
      }
      assert.ok(
        performance.now() - startMs < 5_000,
        `${depth} levels took ${performance.now() - startMs} ms`,
      );
    }
  });
});

/** Folds an event into every table it belongs to. @returns what is unusable; any defect fails the test */
function usable(content: EventContent): string[] {
  const event = { ...content, seq: 1 };
  const reasons: string[] = [];
  for (const projection of derivations.projections) {
    event.fields.forgetProblems();
    try {
      const key = projection.keyOf(event);
      if (key === undefined) continue;
      assert.ok(Buffer.byteLength(key) <= ROW_KEY_BYTES_MAX);
      const row = projection.fold(undefined, event, key);
      reasons.push(...event.fields.problems.values());
      assert.deepEqual(
        Object.keys(row).toSorted(),
        projection.columns.map(({ name }) => name).toSorted(),
        projection.name,
      );
      for (const column of projection.columns) {
        const value: unknown = row[column.name];
        assert.ok(
          fits(value, column),
          `${projection.name}.${column.name}: ${String(value)} does not match ${column.kind}`,
        );
      }
      assert.deepEqual(projection.fold(undefined, event, key), row, 'the same event gives the same row');
      projection.fold(row, event, key);
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      reasons.push(error.message);
    }
  }
  return reasons;
}

/** Whether a STRICT column of this type accepts the value unchanged. */
function fits(value: unknown, { kind, isNullable }: ProjectionColumn): boolean {
  if (value === null) return isNullable;
  if (kind === 'TEXT') return typeof value === 'string' && value.isWellFormed() && !value.includes('\0');
  if (kind === 'INTEGER') return Number.isSafeInteger(value) && !Object.is(value, -0);
  return typeof value === 'number' && Number.isFinite(value) && !Object.is(value, -0);
}

describe('any body at all', () => {
  function check(body: string, header: string | null): 'event' | 'no-table' | 'failure' {
    const found = meaning(body, header);
    if (found.kind === 'failure') {
      assert.match(found.reason, PARSE_REASON, body);
      return found.kind;
    }
    if (found.kind === 'event')
      for (const reason of usable(found.event)) assert.match(reason, FIELD_REASON, body);
    return found.kind;
  }

  it('gives rows, nothing, or an error that names a field: 5,000 bodies with any value in any field', () => {
    const seed = 20261124;
    const random = seededRandom(seed);
    const kinds = { event: 0, 'no-table': 0, failure: 0 };
    for (let n = 0; n < 5_000; n++) {
      const type = random.pick(SPELLINGS_WITH_TABLE);
      const data = random.chance(0.95) ? randomObject(random) : randomJson(random);
      const body = random.pick([
        `{"event":"${type}","timestamp":${random.chance(0.5) ? T0_S : randomJson(random)},"data":${data}}`,
        random.chance(0.9) ? data : `${data.slice(0, random.below(data.length))}`,
        data.replace('{', `{"event":"${type}",`).replace(/,}$/, '}'),
      ]);
      try {
        kinds[check(body, random.chance(0.7) ? type : null)]++;
      } catch (error) {
        throw new Error(`seed ${seed}, body ${n}: ${body}`, { cause: error });
      }
    }
    for (const [kind, count] of Object.entries(kinds)) assert.ok(count > 50, `${kind}: ${count}`);
  });

  it('gives rows, nothing, or an error that names a field: each type with each value in each field', () => {
    const random = seededRandom(7);
    for (const type of DOCUMENTED_TYPES) {
      for (const name of FIELD_NAMES) {
        for (let n = 0; n < 12; n++) {
          const ids = '"call_uuid":"c","message_id":"m","recording_id":"r","from":"+1","body":"STOP"';
          check(`{"event":"${type}","data":{${ids},"${name}":${randomJson(random, 1)}}}`, null);
        }
      }
    }
  });

  it('mostly gives rows if it mostly makes sense', () => {
    const random = seededRandom(8);
    let events = 0;
    for (let n = 0; n < 1000; n++) {
      const { body, eventHeader } = randomBody(random, ['s1', 's2']);
      if (check(body, eventHeader) === 'event') events++;
    }
    assert.ok(events > 800, String(events));
  });

  it('of random bytes gives a failure or an event, and throws nothing', () => {
    const random = seededRandom(9);
    for (let n = 0; n < 5_000; n++) {
      const bytes = Uint8Array.from({ length: random.below(40) }, () => random.below(256));
      assert.equal(interpret(readBody(bytes, 'call.ringing'), T0_S).kind, 'failure');
    }
  });
});
