/** The limit for repeated log lines, with a clock that stands still unless a test moves it. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { throttle } from '../../src/core/throttle.ts';

function throttled(linesMax: number, windowMs: number) {
  let nowMs = 0;
  const omitted: number[] = [];
  const mayLog = throttle(
    linesMax,
    windowMs,
    () => nowMs,
    (count) => omitted.push(count),
  );
  return {
    omitted,
    /** How many of `count` lines at this moment are logged. */
    logged: (count: number, atMs: number) => {
      nowMs = atMs;
      return Array.from({ length: count }, mayLog).filter(Boolean).length;
    },
  };
}

describe('a throttle', () => {
  it('logs so many lines of a window, which begins with the first line after the previous one', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { logged } = throttled(3, 1000);
    assert.equal(logged(2, 500), 2);
    assert.equal(logged(2, 1499), 1);
    assert.equal(logged(2, 1500), 2);
    assert.equal(logged(5, 2499), 1);
    assert.equal(logged(5, 9000), 3);
    assert.equal(logged(5, 9999), 0);
  });

  it('says once how many were left out, also if no further line comes', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { logged, omitted } = throttled(2, 1000);
    logged(5, 0);
    logged(1, 500);
    t.mock.timers.tick(999);
    assert.deepEqual(omitted, []);
    t.mock.timers.tick(1);
    assert.deepEqual(omitted, [4]);
    t.mock.timers.tick(5000);
    assert.deepEqual(omitted, [4]);
    logged(3, 7000);
    t.mock.timers.tick(1000);
    assert.deepEqual(omitted, [4, 1]);
  });

  it('says nothing if nothing was left out', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { logged, omitted } = throttled(2, 1000);
    logged(2, 0);
    t.mock.timers.tick(5000);
    assert.deepEqual(omitted, []);
  });
});
