/**
 * The frozen rules for reading times. Lines of these tables must never change, because the idempotency key of recorded
 * events depends on them.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readableTimeMs } from '../../../src/core/event/readable-time.ts';
import { BODY_TIMES, READABLE_TIMES } from '../../support/frozen-times.ts';

describe('readableTimeMs', () => {
  it('reads each line of the frozen table as before', () => {
    for (const [value, expected] of READABLE_TIMES) {
      assert.equal(readableTimeMs(value), expected, JSON.stringify(value) ?? String(value));
    }
  });

  it('reads integers below 10^11 as seconds, and others as milliseconds', () => {
    assert.equal(readableTimeMs(1_705_329_131), 1_705_329_131_000);
    assert.equal(readableTimeMs(1_705_329_131_000), 1_705_329_131_000);
    assert.equal(readableTimeMs(1e11 - 1), undefined, 'as seconds: the year 5138');
    assert.equal(readableTimeMs(1e11), undefined, 'as milliseconds: the year 1973');
  });

  it('accepts exactly the years 2000 to 2100, in all three notations', () => {
    const first = Date.UTC(2000, 0, 1);
    const beyond = Date.UTC(2101, 0, 1);
    assert.equal(readableTimeMs(first - 1), undefined);
    assert.equal(readableTimeMs(first), first);
    assert.equal(readableTimeMs(first + 1), first + 1);
    assert.equal(readableTimeMs(first / 1000 - 1), undefined);
    assert.equal(readableTimeMs(first / 1000), first);
    assert.equal(readableTimeMs(beyond - 1), beyond - 1);
    assert.equal(readableTimeMs(beyond), undefined);
    assert.equal(readableTimeMs(beyond / 1000 - 1), beyond - 1000);
    assert.equal(readableTimeMs(beyond / 1000), undefined);
    assert.equal(readableTimeMs('1999-12-31T23:59:59.999Z'), undefined);
    assert.equal(readableTimeMs('2000-01-01T00:00:00Z'), first);
    assert.equal(readableTimeMs('2100-12-31T23:59:59.999Z'), beyond - 1);
    assert.equal(readableTimeMs('2101-01-01T00:00:00Z'), undefined);
  });

  it('knows every day of every year from 2000 to 2100, and no other', () => {
    for (let year = 2000; year <= 2100; year++) {
      for (let month = 1; month <= 12; month++) {
        for (let day = 0; day <= 32; day++) {
          const pad = (n: number) => String(n).padStart(2, '0');
          const midnight = Date.UTC(year, month - 1, day);
          const exists = new Date(midnight).getUTCMonth() === month - 1;
          const text = `${year}-${pad(month)}-${pad(day)}`;
          assert.equal(readableTimeMs(text), exists && day > 0 ? midnight : undefined, text);
        }
      }
    }
  });
});

describe('the machine’s time zone', () => {
  for (const zone of ['Pacific/Auckland', 'America/St_Johns']) {
    it(`does not matter: ${zone}`, () => {
      const script = `
        import { readableTimeMs } from './src/core/event/readable-time.ts';
        import { bodyTimeMs } from './src/core/event/body-time.ts';
        import { BODY_TIMES, READABLE_TIMES } from './test/support/frozen-times.ts';
        const none = (ms) => ms ?? null;
        console.log(JSON.stringify({
          offset: new Date(2026, 0, 1).getTimezoneOffset(),
          read: READABLE_TIMES.map(([value]) => none(readableTimeMs(value))),
          ofBody: BODY_TIMES.map(([body]) => bodyTimeMs(body)),
        }));`;
      const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
        cwd: join(import.meta.dirname, '../../..'),
        env: { ...process.env, TZ: zone },
        encoding: 'utf8',
      });
      const { offset, read, ofBody } = JSON.parse(output) as {
        offset: number;
        read: (number | null)[];
        ofBody: number[];
      };
      assert.notEqual(offset, 0, 'the child does not run in that time zone');
      assert.deepEqual(
        read,
        READABLE_TIMES.map(([, expected]) => expected ?? null),
      );
      assert.deepEqual(
        ofBody,
        BODY_TIMES.map(([, expected]) => expected),
      );
    });
  }
});
