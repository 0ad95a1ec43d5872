import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Latencies } from '../../scripts/cli/latencies.ts';
import { seededRandom } from '../../scripts/cli/random.ts';

it('latencies have an exact maximum, and percentiles within 0.1 % that never exceed it', () => {
  const random = seededRandom(1);
  const taken = Array.from({ length: 1000 }, () => random.next() * 1000);
  const latencies = new Latencies();
  for (const [index, ms] of taken.entries()) {
    latencies.add(ms);
    const sorted = taken.slice(0, index + 1).toSorted((one, other) => one - other);
    assert.equal(latencies.count, sorted.length);
    assert.equal(latencies.maxMs, sorted.at(-1));
    for (const percent of [50, 99]) {
      const expected = sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? 0;
      const found = latencies.percentileMs(percent);
      assert.ok(Math.abs(found - expected) <= expected / 1000, `${found} instead of ${expected}`);
      assert.ok(found <= latencies.maxMs);
    }
  }
});
