import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as limits from '../../src/core/limits.ts';

describe('the limits', () => {
  it('let requests end before the sender and idle sockets give up', () => {
    assert.ok(limits.HEADERS_TIMEOUT_MS <= limits.REQUEST_TIMEOUT_MS);
    assert.ok(limits.REQUEST_TIMEOUT_MS < limits.SENDER_TIMEOUT_MS);
    assert.ok(limits.REQUEST_TIMEOUT_MS < limits.SOCKET_IDLE_MS);
    assert.ok(limits.BUSY_TIMEOUT_MS < limits.SENDER_TIMEOUT_MS);
  });

  it('leave time to close the database in a shutdown, even if another process holds its lock', () => {
    const { BUSY_TIMEOUT_MS, BATCHES_IN_FLIGHT_MAX, DRAIN_BUSY_TIMEOUT_MS, DRAIN_CUT_MS, DRAIN_MAX_MS } =
      limits;
    assert.ok(BUSY_TIMEOUT_MS + (BATCHES_IN_FLIGHT_MAX + 1) * DRAIN_BUSY_TIMEOUT_MS < DRAIN_MAX_MS);
    assert.ok(DRAIN_CUT_MS + 2 * DRAIN_BUSY_TIMEOUT_MS < DRAIN_MAX_MS);
  });

  it('leave room for a full batch among the bodies in memory, and for several of the largest bodies', () => {
    assert.ok(limits.BATCH_BYTES_MAX <= limits.BUFFERED_BODIES_BYTES_MAX);
    assert.ok(limits.BODY_BYTES_MAX <= limits.BUFFERED_BODIES_BYTES_MAX / 4);
  });

  it('are positive whole numbers with their unit at the end of the name', () => {
    for (const [name, value] of Object.entries(limits)) {
      assert.ok(Number.isSafeInteger(value) && value > 0, name);
      assert.match(
        name,
        /_(US|MS|S|BYTES|PAGES|BYTES_MAX|CHARS_MAX|[A-Z]+_MAX|[A-Z]+_MIN|EVENTS|TIMES|MAX|FIRST)$/,
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
