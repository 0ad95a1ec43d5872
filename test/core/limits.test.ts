import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as limits from '../../src/core/limits.ts';

const LARGEST = limits.BUFFERED_BODIES_BYTES_MAX / 4;

describe('the limits', () => {
  it('are consistent with the default and with every body limit that can be set', () => {
    for (const bytes of [1024, 1024 * 1024, 16 * 1024 * 1024]) {
      assert.deepEqual(limits.checkLimits(bytes), [], String(bytes));
    }
  });

  it('require a body to be at most a quarter of what all bodies together may take', () => {
    assert.deepEqual(limits.checkLimits(LARGEST - 1), []);
    assert.deepEqual(limits.checkLimits(LARGEST), []);
    assert.deepEqual(limits.checkLimits(LARGEST + 1), [
      `MAX_BODY_BYTES must be at most ${LARGEST}, a quarter of what all bodies together may take`,
    ]);
  });

  it('are positive whole numbers with their unit at the end of the name', () => {
    for (const [name, value] of Object.entries(limits)) {
      if (typeof value === 'function') continue;
      assert.ok(Number.isSafeInteger(value) && value > 0, name);
      assert.match(
        name,
        /_(US|MS|S|BYTES|BYTES_MAX|CHARS_MAX|[A-Z]+_MAX|[A-Z]+_MIN|EVENTS|TIMES|MAX|FIRST)$/,
        name,
      );
    }
  });

  it('answer a slow body before the sender gives up', () => {
    assert.ok(
      limits.REQUEST_TIMEOUT_MS + limits.TIMEOUT_CHECK_MS < limits.SENDER_TIMEOUT_MS,
      'the check of timeouts comes too late',
    );
  });

  it('leave room for a batch in the queue', () => {
    assert.ok(limits.BATCH_DELIVERIES_MAX <= limits.QUEUE_DELIVERIES_MAX, 'a batch larger than the queue');
  });
});
