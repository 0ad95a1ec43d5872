import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  CALL_UUID,
  count,
  type Field,
  FieldError,
  FROM_NUMBER,
  id,
  kindOf,
  micros,
  number,
  quantity,
  rowKey,
  text,
  texts,
  time,
} from '../../../src/core/event/field-kinds.ts';
import { Fields } from '../../../src/core/event/fields.ts';
import { ROW_KEY_BYTES_MAX, TIME_AHEAD_MAX_MS } from '../../../src/core/limits.ts';
import { calls } from '../../../src/projections/calls.ts';
import { DURATION_SECONDS, MESSAGE } from '../../../src/projections/columns.ts';
import { T0_MS, T0_S } from '../../support/events.ts';

const of = (json: string) => new Fields(JSON.parse(json));

/** What is wrong with the only value of a field. */
function problem(fields: Fields, field: Field): string {
  assert.equal(fields.get(field), undefined);
  const problems = [...fields.problems];
  assert.deepEqual(
    problems.map(([name]) => name),
    [field.name],
  );
  return String(problems[0]?.[1]);
}

const TOTAL_COST = calls.declared.total_cost_micros.field;
const KINDS = { text, id, number, quantity, count, micros, time, texts };

describe('every kind of field', () => {
  for (const [kind, fieldOf] of Object.entries(KINDS)) {
    const note: Field = fieldOf('note');

    it(`${kind}: absent and null count as not stated`, () => {
      assert.equal(of('{}').get(note), undefined);
      assert.equal(of('{"note":null}').get(note), undefined);
      assert.equal(of('{"__proto__":{"note":1}}').get(note), undefined);
    });

    it(`${kind}: names the field as sent, and never quotes a text`, () => {
      const wrong = kind === 'text' || kind === 'id' ? '{"secret":"Ann"}' : '"Ann owes 5"';
      const message = problem(of(`{"note":${wrong}}`), note);
      assert.match(message, /^note must be /);
      assert.doesNotMatch(message, /Ann|secret/);
    });

    it(`${kind}: refuses true, an object and a list of lists`, () => {
      for (const value of ['true', '{}', '[[]]']) {
        assert.match(problem(of(`{"note":${value}}`), note), /^note(\[0\])? must be /, value);
      }
    });
  }

  it('an empty text counts as not stated, except for a list', () => {
    for (const [kind, fieldOf] of Object.entries(KINDS)) {
      if (kind === 'texts') continue;
      assert.equal(of('{"note":""}').get<unknown>(fieldOf('note')), undefined, kind);
    }
  });
});

describe('text', () => {
  it('is returned as sent', () => {
    assert.equal(of('{"direction":" Inbound "}').get(text('direction')), ' Inbound ');
    assert.equal(of('{"direction":"\\u0000"}').get(text('direction')), '\ufffd');
  });

  it('is made well-formed: a lone surrogate becomes U+FFFD, a pair stays', () => {
    assert.equal(of('{"direction":"a\\ud800b"}').get(text('direction')), 'a\ufffdb');
    assert.equal(of('{"direction":"\\udc00\\ud83d"}').get(text('direction')), '\ufffd\ufffd');
    assert.equal(of('{"direction":"\\ud83d\\ude00"}').get(text('direction')), '😀');
  });

  it('is not made from a number', () => {
    assert.equal(problem(of('{"direction":5}'), text('direction')), 'direction must be text, got a number');
  });
});

describe('message', () => {
  it('may be empty, which counts as stated', () => {
    assert.equal(of('{"message":""}').get(MESSAGE), '');
    assert.equal(of('{"body":""}').get(MESSAGE), '');
  });

  it('counts as not stated if absent or null', () => {
    assert.equal(of('{}').get(MESSAGE), undefined);
    assert.equal(of('{"message":null}').get(MESSAGE), undefined);
    assert.equal(of('{"message":null,"body":"Hi"}').get(MESSAGE), 'Hi');
  });

  it('is named in errors by the spelling that was sent', () => {
    assert.equal(problem(of('{"body":7}'), MESSAGE), 'body must be text, got a number');
  });
});

describe('id', () => {
  it('is text, or a whole number as its digits', () => {
    assert.equal(of('{"tenant_id":"42"}').get(id('tenant_id')), '42');
    assert.equal(of('{"tenant_id":42}').get(id('tenant_id')), '42');
    assert.equal(of('{"from":491701234567}').get(FROM_NUMBER), '491701234567');
    assert.equal(of('{"tenant_id":0}').get(id('tenant_id')), '0');
    assert.equal(of('{"tenant_id":-0}').get(id('tenant_id')), '0');
  });

  it('is at most 2^53 - 1: a larger number may differ from the digits that were sent', () => {
    assert.equal(of('{"tenant_id":9007199254740991}').get(id('tenant_id')), '9007199254740991');
    for (const number of ['9007199254740992', '9007199254740993', '1e400', '-1', '1.5']) {
      assert.match(problem(of(`{"tenant_id":${number}}`), id('tenant_id')), /^tenant_id must be text or/);
    }
    assert.equal(of('{"tenant_id":"9007199254740993"}').get(id('tenant_id')), '9007199254740993');
  });

  it('is made well-formed', () => {
    assert.equal(of('{"tenant_id":"\\ud800"}').get(id('tenant_id')), '\ufffd');
  });

  it('is an error if it is required and missing, null or empty', () => {
    for (const json of ['{}', '{"call_uuid":null}', '{"call_uuid":""}', '{"call_id":""}']) {
      assert.throws(() => of(json).required(CALL_UUID), new FieldError('call_uuid is missing'), json);
    }
    assert.equal(of('{"call_sid":"CA1"}').required(CALL_UUID), 'CA1');
  });
});

describe('the key of a row', () => {
  it('of up to 512 bytes is the id as sent', () => {
    for (const id of ['c', 'x'.repeat(512), 'é'.repeat(256)])
      assert.equal(of(JSON.stringify({ call_uuid: id })).get(CALL_UUID), id);
  });

  it('of more bytes is its beginning and its SHA-256, well-formed and within 512 bytes', () => {
    const keys = [
      'x'.repeat(513),
      `${'x'.repeat(513)}y`,
      'é'.repeat(257),
      '😀'.repeat(300),
      `a${'😀'.repeat(300)}`,
    ].map((id) => rowKey(id));
    assert.equal(new Set(keys).size, keys.length);
    for (const key of keys) {
      assert.ok(Buffer.byteLength(key) <= ROW_KEY_BYTES_MAX && key.isWellFormed(), key);
      assert.match(key, /#[0-9a-f]{64}$/);
      assert.equal(rowKey(key), key);
    }
  });
});

describe('number', () => {
  it('is a finite number, or decimal text for one', () => {
    for (const [json, expected] of [
      ['0', 0],
      ['-1.5', -1.5],
      ['1e3', 1000],
      ['1.7976931348623157e308', Number.MAX_VALUE],
      ['"0.97"', 0.97],
      ['"-12"', -12],
      ['"007"', 7],
      ['"999999999999999.000000000000001"', 999_999_999_999_999],
      ['"0.30000000000000004"', 0.30000000000000004],
      ['"7.5e-05"', 0.000075],
      ['"1E3"', 1000],
      ['" 1.5 "', 1.5],
      ['"+.5"', 0.5],
      ['"5."', 5],
    ] as const) {
      assert.equal(of(`{"confidence":${json}}`).get(number('confidence')), expected, json);
    }
  });

  it('is never minus zero', () => {
    assert.equal(of('{"confidence":-0}').get(number('confidence')), 0);
    assert.equal(of('{"confidence":"-0.0"}').get(number('confidence')), 0);
  });

  it('is not infinite', () => {
    assert.equal(
      problem(of('{"confidence":1e400}'), number('confidence')),
      'confidence must be a number, got a number beyond 2^53 - 1',
    );
    assert.match(
      problem(of('{"confidence":-1e400}'), number('confidence')),
      /got a number beyond 2\^53 - 1$/,
    );
  });

  it('is not any other text', () => {
    for (const text of [
      ...[
        '1e',
        'e3',
        '1e333',
        '0x10',
        '++1',
        '.',
        '1.2.3',
        '1,5',
        '1 2',
        'NaN',
        'Infinity',
        '١',
        '$1',
        '5 s',
      ],
      ...['1234567890123456', '1\\n', `0.${'1'.repeat(21)}`, ' ', '-'],
    ]) {
      assert.equal(
        problem(of(`{"confidence":"${text}"}`), number('confidence')),
        'confidence must be a number, got text',
        text,
      );
    }
  });
});

describe('quantity', () => {
  it('is a number ≥ 0, or decimal text for one', () => {
    assert.equal(of('{"duration":0}').get(DURATION_SECONDS), 0);
    assert.equal(of('{"duration":12.75}').get(DURATION_SECONDS), 12.75);
    assert.equal(of('{"duration":"12.75"}').get(DURATION_SECONDS), 12.75);
    assert.equal(of('{"duration":-0}').get(DURATION_SECONDS), 0);
  });

  it('is refused below 0', () => {
    const below = (json: string) => problem(of(`{"duration":${json}}`), DURATION_SECONDS);
    assert.equal(below('-0.001'), 'duration must be a number ≥ 0, got a negative number');
    assert.equal(below('"-1"'), 'duration must be a number ≥ 0, got text');
  });
});

describe('count', () => {
  it('is a whole number from 0 to 2^53 - 1, or decimal text for one', () => {
    assert.equal(of('{"segments":0}').get(count('segments')), 0);
    assert.equal(of('{"segments":1.0}').get(count('segments')), 1);
    assert.equal(of('{"segments":"3"}').get(count('segments')), 3);
    assert.equal(of('{"segments":"3.0"}').get(count('segments')), 3);
    assert.equal(of('{"segments":9007199254740991}').get(count('segments')), Number.MAX_SAFE_INTEGER);
  });

  it('is refused if it is -1, 1.5, or 2^53 and above', () => {
    for (const json of ['-1', '1.5', '9007199254740992', '9007199254740993', '1e400', '"-1"', '"1.5"']) {
      const message = problem(of(`{"segments":${json}}`), count('segments'));
      assert.match(message, /^segments must be a whole number ≥ 0, got /, json);
    }
  });
});

describe('micros', () => {
  it('are millionths, rounded to the nearest', () => {
    for (const [json, expected] of [
      ['0', 0],
      ['0.0125', 12_500],
      ['"0.0125"', 12_500],
      ['1', 1_000_000],
      ['0.1', 100_000],
      ['0.000001', 1],
      ['0.0000005', 1],
      ['0.00000049', 0],
      ['1.0000014', 1_000_001],
      ['1.0000016', 1_000_002],
      ['-0.5', -500_000],
      ['1.005', 1_005_000],
      ['8999999999', 8_999_999_999_000_000],
    ] as const) {
      assert.equal(of(`{"cost":${json}}`).get(TOTAL_COST), expected, json);
    }
  });

  it('are never minus zero', () => {
    assert.equal(of('{"cost":-0.0000001}').get(TOTAL_COST), 0);
  });

  it('are exact even if sums of decimals are not', () => {
    const tenth = of('{"cost":0.1}').get(TOTAL_COST) ?? 0;
    const fifth = of('{"cost":"0.2"}').get(TOTAL_COST) ?? 0;
    assert.equal(tenth + fifth, of('{"cost":0.3}').get(TOTAL_COST));
  });

  it('are refused if too large to be exact', () => {
    for (const json of ['9007199255', '-9007199255', '1e300', '"999999999999"']) {
      assert.match(problem(of(`{"cost":${json}}`), TOTAL_COST), /^cost must be an amount/, json);
    }
  });
});

describe('time', () => {
  const signed = (json: string) => new Fields(JSON.parse(json), undefined, T0_MS);

  it('may be at most one hour after the signature, because a wrong clock must not win forever', () => {
    const at = (ms: number) => signed(`{"ended_at":${ms}}`);
    for (const ms of [T0_MS - 10 * 365 * 86_400_000, T0_MS, T0_MS + TIME_AHEAD_MAX_MS])
      assert.equal(at(ms).get(time('ended_at')), ms);
    assert.equal(
      problem(at(T0_MS + TIME_AHEAD_MAX_MS + 1), time('ended_at')),
      'ended_at must be at most 60 minutes after the signature',
    );
  });

  it('is an integer or ISO 8601 text', () => {
    assert.equal(of(`{"ended_at":${T0_S}}`).get(time('ended_at')), T0_MS);
    assert.equal(of(`{"ended_at":${T0_MS}}`).get(time('ended_at')), T0_MS);
    assert.equal(of('{"ended_at":"2024-01-15T14:32:11Z"}').get(time('ended_at')), 1_705_329_131_000);
  });

  it('is an error, never a guess, if it cannot be read', () => {
    for (const json of ['0', '-1', '"soon"', '"2026-02-30"', '1e400', 'false']) {
      assert.match(
        problem(of(`{"ended_at":${json}}`), time('ended_at')),
        /^ended_at must be an ISO 8601 or RFC 2822 date or a Unix time, from 2000 to 2100, got /,
        json,
      );
    }
  });
});

describe('texts', () => {
  it('is a list of texts; an empty list counts as stated', () => {
    assert.deepEqual(of('{"media_urls":["a",""]}').get(texts('media_urls')), ['a', '']);
    assert.deepEqual(of('{"media_urls":[]}').get(texts('media_urls')), []);
  });

  it('is made well-formed', () => {
    assert.deepEqual(of('{"media_urls":["\\ud800"]}').get(texts('media_urls')), ['\ufffd']);
  });

  it('names the item that is not text', () => {
    assert.equal(
      problem(of('{"media_urls":["a",null]}'), texts('media_urls')),
      'media_urls[1] must be text, got null',
    );
    assert.equal(
      problem(of('{"media_urls":"a"}'), texts('media_urls')),
      'media_urls must be a list of texts, got text',
    );
  });
});

describe('kindOf', () => {
  it('names the kind of a JSON value', () => {
    const words = [null, [], {}, '', 0, true, -1, 1.5, 2 ** 53, Number.POSITIVE_INFINITY].map(kindOf);
    assert.deepEqual(words, [
      ...['null', 'a list', 'an object', 'text', 'a number', 'a boolean', 'a negative number', 'a fraction'],
      ...['a number beyond 2^53 - 1', 'a number beyond 2^53 - 1'],
    ]);
  });
});
