import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  CALL_UUID,
  FROM_NUMBER,
  MESSAGE_ID,
  RECORDING_ID,
  text,
} from '../../../src/core/event/field-kinds.ts';
import { Fields } from '../../../src/core/event/fields.ts';
import { calls } from '../../../src/projections/calls.ts';
import { DURATION_SECONDS, MESSAGE, PARTIES } from '../../../src/projections/columns.ts';
import { recordings } from '../../../src/projections/recordings.ts';

const of = (json: string) => new Fields(JSON.parse(json));

const TOTAL_COST = calls.declared.total_cost_micros.field;

describe('spellings', () => {
  const SPELLINGS = [
    [CALL_UUID, ['call_uuid', 'call_sid', 'call_id', 'uuid']],
    [MESSAGE_ID, ['message_id', 'message_sid', 'id']],
    [RECORDING_ID, ['recording_id', 'recording_sid']],
    [FROM_NUMBER, ['from_number', 'from']],
    [PARTIES.to_number.field, ['to_number', 'to']],
    [MESSAGE, ['message', 'body']],
    [recordings.declared.transcription.field, ['transcription', 'transcript', 'text']],
  ] as const;

  for (const [field, spellings] of SPELLINGS) {
    it(`of ${field.name} are all read, earlier ones first, and null is passed over`, () => {
      spellings.forEach((spelling, index) => {
        assert.equal(new Fields({ [spelling]: 'x' }).get(field), 'x', spelling);
        const later = Object.fromEntries(spellings.slice(index).map((each) => [each, each]));
        const nulls = Object.fromEntries(spellings.slice(0, index).map((each) => [each, null]));
        assert.equal(new Fields({ ...later, ...nulls }).get(field), spelling);
      });
    });
  }

  it('of numbers are read as well', () => {
    assert.equal(of('{"duration":12}').get(DURATION_SECONDS), 12);
    assert.equal(of('{"duration_seconds":1,"duration":12}').get(DURATION_SECONDS), 1);
    assert.equal(of('{"cost":0.5}').get(TOTAL_COST), 500_000);
    assert.equal(of('{"total_cost":1,"cost":0.5}').get(TOTAL_COST), 1_000_000);
  });

  it('are named in errors as they were sent', () => {
    const fields = of('{"duration":-1,"uuid":[]}');
    assert.deepEqual([fields.get(DURATION_SECONDS), fields.get(CALL_UUID)], [undefined, undefined]);
    assert.deepEqual(
      [...fields.problems.values()],
      [
        'duration must be a number ≥ 0, got a negative number',
        'uuid must be text or a whole number from 0 to 2^53 - 1, got a list',
      ],
    );
  });

  it('with empty texts are passed over in favor of one that states something', () => {
    assert.equal(of('{"call_uuid":"","call_id":"c1"}').required(CALL_UUID), 'c1');
    assert.equal(of('{"from_number":"","from":"+1"}').get(FROM_NUMBER), '+1');
    assert.equal(of('{"duration_seconds":"","duration":3}').get(DURATION_SECONDS), 3);
    assert.equal(of('{"message":"","body":"Hi"}').get(MESSAGE), 'Hi');
  });
});

describe('an unusable value', () => {
  it('counts as not stated, and is named; a good value under another spelling still counts', () => {
    const fields = of('{"call_uuid":{},"call_sid":"","uuid":"c1","duration_seconds":"5 s","duration":[]}');
    assert.equal(fields.required(CALL_UUID), 'c1');
    assert.equal(fields.get(DURATION_SECONDS), undefined);
    assert.deepEqual(
      [...fields.problems],
      [
        ['call_uuid', 'call_uuid must be text or a whole number from 0 to 2^53 - 1, got an object'],
        ['duration_seconds', 'duration_seconds must be a number ≥ 0, got text'],
      ],
    );
    fields.forgetProblems();
    assert.deepEqual([...fields.problems], []);
  });

  it('says why a required field has no value', () => {
    assert.throws(() => of('{"uuid":[]}').required(CALL_UUID), /^FieldError: uuid must be text/);
  });

  it('after an empty text leaves a message empty', () => {
    const fields = of('{"message":5,"body":""}');
    assert.equal(fields.get(MESSAGE), '');
    assert.equal(fields.problems.get('message'), 'message must be text, got a number');
  });

  it('is not hidden by a defect of the reader', () => {
    const broken = { ...text('note'), read: () => assert.fail('a defect') };
    assert.throws(() => of('{"note":1}').get(broken), /a defect/);
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
