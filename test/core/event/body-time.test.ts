import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bodyTimeMs } from '../../../src/core/event/body-time.ts';
import { BODY_TIMES } from '../../support/frozen-times.ts';

describe('bodyTimeMs', () => {
  it('reads each line of the frozen table as before', () => {
    for (const [body, expected] of BODY_TIMES) {
      assert.equal(bodyTimeMs(body), expected, JSON.stringify(body));
    }
  });

  it('ignores inherited properties of a body', () => {
    const body = JSON.parse(
      '{"__proto__":{"timestamp":1705329131},"data":{"__proto__":{"timestamp":1705329131}}}',
    );
    assert.equal(bodyTimeMs(body), 0);
  });

  it('is the same for any order of the body’s keys', () => {
    assert.equal(
      bodyTimeMs(JSON.parse('{"data":{"started_at":"2024-01-15","ended_at":"2024-01-16"}}')),
      bodyTimeMs(JSON.parse('{"data":{"ended_at":"2024-01-16","started_at":"2024-01-15"}}')),
    );
  });
});
