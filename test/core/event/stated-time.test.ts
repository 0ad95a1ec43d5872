import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readableTimeMs } from '../../../src/core/event/readable-time.ts';
import { statedTimeMs } from '../../../src/core/event/stated-time.ts';

const MS = Date.UTC(2025, 10, 20, 23, 0, 0);

/** Values by the time that they state. */
const STATED: readonly (readonly [unknown, number])[] = [
  ['2025-11-20T23:00:00Z', MS],
  [MS / 1000, MS],
  [MS, MS],
  [MS / 1000 + 0.123, MS + 123],
  [1763679600.999, MS + 999],
  [`${MS / 1000}`, MS],
  [`${MS / 1000}.5`, MS + 500],
  [` ${MS}\n`, MS],
  [`${MS}`, MS],
  [MS + 0.4, MS],
  [(MS + 123) * 1000 + 456, MS + 123],
  [`${MS + 123}456`, MS + 123],
  [`${MS + 123}456789`, MS + 123],
  [Number(`${MS + 123}456789`), MS + 123],
  ['Thu, 20 Nov 2025 23:00:00 +0000', MS],
  ['Thu, 20 Nov 2025 18:00:00 -0500', MS],
  ['Thu, 20 Nov 2025 18:00:00 -05:00', MS],
  ['20 Nov 2025 23:00 GMT', MS],
  ['Thu, 20 Nov 2025 15:00:00 PST', MS],
  ['thu, 20 nov 2025 23:00:00 utc', MS],
  ['Thu,  20 Nov 2025 23:00:00 +0000 (UTC)', MS],
  ['Thu,20 Nov 2025\r\n 23:00:00\t+0000', MS],
  ['Thursday, 20-Nov-25 23:00:00 GMT', MS],
  ['Thu, 20 Nov 2025 23:00:00', MS],
  ['Thu, 20 Nov 2025 22:59:60 +0000', MS],
  ['2025-11-20 23:00:00 +0000', MS],
  ['2025-11-20T23:00:00 Z', MS],
  ['2025-11-20 23:00:00 UTC', MS],
  ['2025-11-20T18:00:00 -05:00', MS],
  ['2025-11-20 23:00:00  +0000', MS],
  ['2025-11-20 18:00:00 EST', MS],
  ['2025-11-20T18:00:00.250 -05', MS + 250],
  ['2025-11-20 23:00', MS],
  ['2025-11-20T22:59:60Z', MS],
  ['2025-11-20T22:59:60.5Z', MS + 500],
  ['2025-11-20T23:59:60Z', MS + 3_600_000],
  ['2025-11-20T24:00:00Z', MS + 3_600_000],
  ['2025-11-20T24:00Z', MS + 3_600_000],
  ['20251120T230000Z', MS],
  ['20251120T1800-0500', MS],
  ['2025-11-20T23:00:00.123456789012Z', MS + 123],
];

const UNREADABLE: readonly unknown[] = [
  ...['yesterday', '', ' ', '20251120', '2025', '23:00', '2025-11-31T00:00:00Z', '2025-11-20T24:00:01Z'],
  ...[
    '2025-11-20T24:30:00Z',
    '2025-11-20T23:60:00Z',
    '2025-11-20T23:00:61Z',
    'Thu, 20 Foo 2025 23:00:00 GMT',
    'Thu20 Nov 2025 23:00:00 GMT',
    '2025-11-20 11:00:00 PM',
    '2025-11-20 23:00:00 CET',
    '2025-11-20 UTC',
  ],
  ...['Thu, 31 Feb 2025 23:00:00 GMT', 'Thu, 20 Nov 2025 23:00:00 XYZ', '1763679600 s', '0x69', '1e9'],
  ...['1763679600.', '99999999', '1999-12-31T23:59:59Z', '9'.repeat(19), 'x'.repeat(100_000)],
  ...[0, -1, 1e8, 4_133_980_800, 1e21, Number.NaN, Number.POSITIVE_INFINITY, true, null, undefined, {}, []],
];

describe('a stated time', () => {
  it('is read in every format that senders use', () => {
    for (const [value, ms] of STATED) assert.equal(statedTimeMs(value), ms, String(value));
  });

  it('is not guessed from anything else', () => {
    for (const value of UNREADABLE) assert.equal(statedTimeMs(value), undefined, String(value).slice(0, 40));
  });

  it('is what the frozen reader reads, for each day that a month has or does not have', () => {
    const two = (part: number) => String(part).padStart(2, '0');
    for (const year of [1999, 2000, 2023, 2024, 2099, 2100, 2101])
      for (let month = 0; month <= 13; month++)
        for (let day = 0; day <= 32; day++) {
          const text = `${year}-${two(month)}-${two(day)}T${two(day % 24)}:${two(day)}:${two(2 * day - 5)}.${two(day)}7Z`;
          assert.equal(statedTimeMs(text), readableTimeMs(text), text);
        }
  });

  it('is within the years 2000 to 2100 in every unit', () => {
    for (const [unit, digits] of [
      [1e-3, 10],
      [1, 13],
      [1e3, 16],
    ] as const) {
      const [from, to] = [Date.UTC(2000), Date.UTC(2101)].map((ms) => ms * unit) as [number, number];
      assert.equal(statedTimeMs(from), Date.UTC(2000), String(digits));
      assert.equal(statedTimeMs(to), undefined, String(digits));
    }
  });
});
