import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FieldError, Fields, kindOf, requireTimeMs } from '../../../src/core/event/fields.ts';
import { T0_MS, T0_S } from '../../support/events.ts';

const of = (json: string) => new Fields(JSON.parse(json));

/** The message of the FieldError that the reader throws. */
function problem(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof FieldError, String(error));
    return error.message;
  }
  return assert.fail('nothing was thrown');
}

const READERS = ['text', 'id', 'number', 'quantity', 'count', 'micros', 'timeMs', 'textList'] as const;

describe('every reader', () => {
  for (const reader of READERS) {
    it(`${reader}: absent and null count as not stated`, () => {
      assert.equal(of('{}')[reader]('note'), undefined);
      assert.equal(of('{"note":null}')[reader]('note'), undefined);
      assert.equal(of('{"__proto__":{"note":1}}')[reader]('note'), undefined);
    });

    it(`${reader}: names the field as sent, and never quotes a text`, () => {
      const wrong = reader === 'text' || reader === 'id' ? '{"secret":"Ann"}' : '"Ann owes 5"';
      const message = problem(() => of(`{"note":${wrong}}`)[reader]('note'));
      assert.match(message, /^note must be /);
      assert.doesNotMatch(message, /Ann|secret/);
    });

    it(`${reader}: refuses true, an object and a list of lists`, () => {
      for (const value of ['true', '{}', '[[]]']) {
        assert.match(
          problem(() => of(`{"note":${value}}`)[reader]('note')),
          /^note(\[0\])? must be /,
          value,
        );
      }
    });
  }

  it('an empty text counts as not stated, except for textList', () => {
    for (const reader of READERS) {
      if (reader === 'textList') continue;
      assert.equal(of('{"note":""}')[reader]('note'), undefined, reader);
    }
  });
});

describe('text', () => {
  it('is returned as sent', () => {
    assert.equal(of('{"direction":" Inbound "}').text('direction'), ' Inbound ');
    assert.equal(of('{"direction":"\\u0000"}').text('direction'), '\0');
  });

  it('is made well-formed: a lone surrogate becomes U+FFFD, a pair stays', () => {
    assert.equal(of('{"direction":"a\\ud800b"}').text('direction'), 'a\ufffdb');
    assert.equal(of('{"direction":"\\udc00\\ud83d"}').text('direction'), '\ufffd\ufffd');
    assert.equal(of('{"direction":"\\ud83d\\ude00"}').text('direction'), '😀');
  });

  it('is not made from a number', () => {
    assert.equal(
      problem(() => of('{"direction":5}').text('direction')),
      'direction must be text, got 5',
    );
  });
});

describe('message', () => {
  it('may be empty, which counts as stated', () => {
    assert.equal(of('{"message":""}').message(), '');
    assert.equal(of('{"body":""}').message(), '');
  });

  it('counts as not stated if absent or null', () => {
    assert.equal(of('{}').message(), undefined);
    assert.equal(of('{"message":null}').message(), undefined);
    assert.equal(of('{"message":null,"body":"Hi"}').message(), 'Hi');
  });

  it('is named in errors by the spelling that was sent', () => {
    assert.equal(
      problem(() => of('{"body":7}').message()),
      'body must be text, got 7',
    );
  });
});

describe('id', () => {
  it('is text, or a whole number as its digits', () => {
    assert.equal(of('{"tenant_id":"42"}').id('tenant_id'), '42');
    assert.equal(of('{"tenant_id":42}').id('tenant_id'), '42');
    assert.equal(of('{"from":491701234567}').id('from_number'), '491701234567');
    assert.equal(of('{"tenant_id":0}').id('tenant_id'), '0');
    assert.equal(of('{"tenant_id":-0}').id('tenant_id'), '0');
  });

  it('is at most 2^53 - 1: a larger number may differ from the digits that were sent', () => {
    assert.equal(of('{"tenant_id":9007199254740991}').id('tenant_id'), '9007199254740991');
    for (const number of ['9007199254740992', '9007199254740993', '1e400', '-1', '1.5']) {
      assert.match(
        problem(() => of(`{"tenant_id":${number}}`).id('tenant_id')),
        /^tenant_id must be text or/,
      );
    }
    assert.equal(of('{"tenant_id":"9007199254740993"}').id('tenant_id'), '9007199254740993');
  });

  it('is made well-formed', () => {
    assert.equal(of('{"tenant_id":"\\ud800"}').id('tenant_id'), '\ufffd');
  });

  it('is an error if it is required and missing, null or empty', () => {
    for (const json of ['{}', '{"call_uuid":null}', '{"call_uuid":""}', '{"call_id":""}']) {
      assert.equal(
        problem(() => of(json).requiredId('call_uuid')),
        'call_uuid is missing',
        json,
      );
    }
    assert.equal(of('{"call_sid":"CA1"}').requiredId('call_uuid'), 'CA1');
  });
});

describe('spellings', () => {
  const SPELLINGS: Record<string, string[]> = {
    call_uuid: ['call_uuid', 'call_sid', 'call_id', 'uuid'],
    message_id: ['message_id', 'message_sid', 'id'],
    recording_id: ['recording_id', 'recording_sid'],
    from_number: ['from_number', 'from'],
    to_number: ['to_number', 'to'],
    message: ['message', 'body'],
    transcription: ['transcription', 'transcript', 'text'],
  };

  for (const [name, spellings] of Object.entries(SPELLINGS)) {
    it(`of ${name} are all read, earlier ones first, and null is passed over`, () => {
      spellings.forEach((spelling, index) => {
        assert.equal(new Fields({ [spelling]: 'x' }).text(name), 'x', spelling);
        const later = Object.fromEntries(spellings.slice(index).map((each) => [each, each]));
        const nulls = Object.fromEntries(spellings.slice(0, index).map((each) => [each, null]));
        assert.equal(new Fields({ ...later, ...nulls }).text(name), spelling);
      });
    });
  }

  it('of numbers are read as well', () => {
    assert.equal(of('{"duration":12}').quantity('duration_seconds'), 12);
    assert.equal(of('{"duration_seconds":1,"duration":12}').quantity('duration_seconds'), 1);
    assert.equal(of('{"cost":0.5}').micros('total_cost'), 500_000);
    assert.equal(of('{"total_cost":1,"cost":0.5}').micros('total_cost'), 1_000_000);
  });

  it('are named in errors as they were sent', () => {
    assert.equal(
      problem(() => of('{"duration":-1}').quantity('duration_seconds')),
      'duration must be a number ≥ 0, got -1',
    );
    assert.equal(problem(() => of('{"uuid":[]}').id('call_uuid')).split(' ')[0], 'uuid');
  });

  it('with empty texts are passed over in favor of one that states something', () => {
    assert.equal(of('{"call_uuid":"","call_id":"c1"}').requiredId('call_uuid'), 'c1');
    assert.equal(of('{"from_number":"","from":"+1"}').id('from_number'), '+1');
    assert.equal(of('{"duration_seconds":"","duration":3}').quantity('duration_seconds'), 3);
    assert.equal(of('{"message":"","body":"Hi"}').message(), 'Hi');
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
    ] as const) {
      assert.equal(of(`{"confidence":${json}}`).number('confidence'), expected, json);
    }
  });

  it('is never minus zero', () => {
    assert.equal(of('{"confidence":-0}').number('confidence'), 0);
    assert.equal(of('{"confidence":"-0.0"}').number('confidence'), 0);
  });

  it('is not infinite', () => {
    assert.equal(
      problem(() => of('{"confidence":1e400}').number('confidence')),
      'confidence must be a number, got Infinity',
    );
    assert.match(
      problem(() => of('{"confidence":-1e400}').number('confidence')),
      /got -Infinity$/,
    );
  });

  it('is not any other text', () => {
    for (const text of [
      ' 1',
      '1 ',
      '1e3',
      '0x10',
      '+1',
      '.5',
      '5.',
      '1,5',
      'NaN',
      'Infinity',
      '١',
      '1234567890123456',
      '1\\n',
    ]) {
      assert.equal(
        problem(() => of(`{"confidence":"${text}"}`).number('confidence')),
        'confidence must be a number, got text',
        text,
      );
    }
  });
});

describe('quantity', () => {
  it('is a number ≥ 0, or decimal text for one', () => {
    assert.equal(of('{"duration":0}').quantity('duration_seconds'), 0);
    assert.equal(of('{"duration":12.75}').quantity('duration_seconds'), 12.75);
    assert.equal(of('{"duration":"12.75"}').quantity('duration_seconds'), 12.75);
    assert.equal(of('{"duration":-0}').quantity('duration_seconds'), 0);
  });

  it('is refused below 0', () => {
    const below = (json: string) => problem(() => of(`{"duration":${json}}`).quantity('duration_seconds'));
    assert.equal(below('-0.001'), 'duration must be a number ≥ 0, got -0.001');
    assert.equal(below('"-1"'), 'duration must be a number ≥ 0, got text');
  });
});

describe('count', () => {
  it('is a whole number from 0 to 2^53 - 1, or decimal text for one', () => {
    assert.equal(of('{"segments":0}').count('segments'), 0);
    assert.equal(of('{"segments":1.0}').count('segments'), 1);
    assert.equal(of('{"segments":"3"}').count('segments'), 3);
    assert.equal(of('{"segments":"3.0"}').count('segments'), 3);
    assert.equal(of('{"segments":9007199254740991}').count('segments'), Number.MAX_SAFE_INTEGER);
  });

  it('is refused if it is -1, 1.5, or 2^53 and above', () => {
    for (const json of ['-1', '1.5', '9007199254740992', '9007199254740993', '1e400', '"-1"', '"1.5"']) {
      const message = problem(() => of(`{"segments":${json}}`).count('segments'));
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
      assert.equal(of(`{"cost":${json}}`).micros('total_cost'), expected, json);
    }
  });

  it('are never minus zero', () => {
    assert.equal(of('{"cost":-0.0000001}').micros('total_cost'), 0);
  });

  it('are exact even if sums of decimals are not', () => {
    const tenth = of('{"cost":0.1}').micros('total_cost') ?? 0;
    const fifth = of('{"cost":"0.2"}').micros('total_cost') ?? 0;
    assert.equal(tenth + fifth, of('{"cost":0.3}').micros('total_cost'));
  });

  it('are refused if too large to be exact', () => {
    for (const json of ['9007199255', '-9007199255', '1e300', '"999999999999"']) {
      assert.match(
        problem(() => of(`{"cost":${json}}`).micros('total_cost')),
        /^cost must be an amount/,
        json,
      );
    }
  });
});

describe('timeMs', () => {
  it('is an integer or ISO 8601 text', () => {
    assert.equal(of(`{"ended_at":${T0_S}}`).timeMs('ended_at'), T0_MS);
    assert.equal(of(`{"ended_at":${T0_MS}}`).timeMs('ended_at'), T0_MS);
    assert.equal(of('{"ended_at":"2024-01-15T14:32:11Z"}').timeMs('ended_at'), 1_705_329_131_000);
  });

  it('is an error, never a guess, if it cannot be read', () => {
    for (const json of ['0', '-1', '"soon"', '"1705329131"', '1705329131.5', '1e400', 'false']) {
      assert.match(
        problem(() => of(`{"ended_at":${json}}`).timeMs('ended_at')),
        /^ended_at must be ISO 8601 text or Unix time between 2000 and 2100, got /,
        json,
      );
    }
  });

  it('gives the same messages if it is required', () => {
    assert.equal(requireTimeMs('timestamp', T0_S), T0_MS);
    assert.match(
      problem(() => requireTimeMs('timestamp', 'soon')),
      /^timestamp must be .*got text$/,
    );
  });
});

describe('textList', () => {
  it('is a list of texts; an empty list counts as stated', () => {
    assert.deepEqual(of('{"media_urls":["a",""]}').textList('media_urls'), ['a', '']);
    assert.deepEqual(of('{"media_urls":[]}').textList('media_urls'), []);
  });

  it('is made well-formed', () => {
    assert.deepEqual(of('{"media_urls":["\\ud800"]}').textList('media_urls'), ['\ufffd']);
  });

  it('names the item that is not text', () => {
    assert.equal(
      problem(() => of('{"media_urls":["a",null]}').textList('media_urls')),
      'media_urls[1] must be text, got null',
    );
    assert.equal(
      problem(() => of('{"media_urls":"a"}').textList('media_urls')),
      'media_urls must be a list of texts, got text',
    );
  });
});

describe('isTest', () => {
  it('is "test": true without any id', () => {
    assert.equal(of('{"test":true,"message":"Hello"}').isTest, true);
    assert.equal(of('{"test":true,"call_uuid":null}').isTest, true);
    assert.equal(of('{"test":true,"call_uuid":""}').isTest, true);
    assert.equal(of('{"test":"true"}').isTest, false);
    assert.equal(of('{"test":1}').isTest, false);
    assert.equal(of('{}').isTest, false);
  });

  it('does not include events with an id, in any spelling', () => {
    for (const id of ['call_uuid', 'call_sid', 'call_id', 'uuid', 'message_id', 'message_sid', 'id']) {
      assert.equal(of(`{"test":true,"${id}":"x"}`).isTest, false, id);
    }
    assert.equal(of('{"test":true,"recording_sid":"x"}').isTest, false);
  });
});

describe('kindOf', () => {
  it('names the kind of a JSON value', () => {
    const words = [null, [], {}, '', 0, true].map((value) => kindOf(value));
    assert.deepEqual(words, ['null', 'a list', 'an object', 'text', 'a number', 'a boolean']);
  });
});
