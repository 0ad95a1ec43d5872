/**
 * Reads the times that an event states, in more formats than the frozen readable-time.ts, which decides an event's key.
 * These formats may change with the projections' versions.
 */

import { STATED_TIME_CHARS_MAX } from '../limits.ts';
import { readableTimeMs } from './readable-time.ts';

const DAY_MS = 86_400_000;

/** Unix times have 9 to 10 digits in seconds, 12 to 13 in milliseconds, 15 to 16 in microseconds, else nanoseconds. */
const MS_PER_UNIT = [
  { below: 1e11, ms: 1000 },
  { below: 1e14, ms: 1 },
  { below: 1e17, ms: 1e-3 },
  { below: 1e20, ms: 1e-6 },
];
const UNIX_TIME = /^\d{9,19}(?:\.\d{1,9})?$/;

/** As JavaScript writes nearly all times of these years, up to the 28th of a month. */
const USUAL = /^20\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;

/** As in `Thu, 20 Nov 2025 23:00:00 +0000`, and in HTTP's `Thursday, 20-Nov-25 23:00:00 GMT`. */
const RFC_2822 =
  /^(?:[a-z]{3,9}(?:,\s*|\s+))?(\d{1,2})(?:\s+|-)([a-z]{3})(?:\s+|-)(\d{2}|\d{4})\s+(\d{2}:\d{2}(?::\d{2})?)\s*([+-]\d{2}:?\d{2}|[a-z]{1,3})?(?:\s*\([^()]*\))?$/i;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** The names that RFC 2822 defines. */
const ZONES: Readonly<Record<string, string>> = {
  ...{ z: 'Z', ut: 'Z', utc: 'Z', gmt: 'Z', est: '-0500', edt: '-0400', cst: '-0600', cdt: '-0500' },
  ...{ mst: '-0700', mdt: '-0600', pst: '-0800', pdt: '-0700' },
};

/**
 * @param value any value from a JSON body
 * @returns milliseconds since 1970 UTC, within the years 2000 to 2100. Undefined unless the value is a Unix time in
 *   seconds, milli-, micro- or nanoseconds (a number or text, with or without a fraction), ISO 8601 text, or a date as in
 *   RFC 2822. Text without a time zone is UTC.
 */
export function statedTimeMs(value: unknown): number | undefined {
  // Three times as fast as the frozen reader. Date.parse() would accept a 30th of February, and other years.
  if (typeof value === 'string' && USUAL.test(value)) return Date.parse(value);
  const readable = readableTimeMs(value);
  if (readable !== undefined) return readable;
  if (typeof value === 'number') return fromUnixTime(value);
  if (typeof value !== 'string' || value.length > STATED_TIME_CHARS_MAX) return undefined;
  const text = value.trim();
  return UNIX_TIME.test(text) ? fromUnixTime(Number(text)) : fromIso(isoOf(text) ?? text);
}

function fromUnixTime(value: number): number | undefined {
  const unit = MS_PER_UNIT.find(({ below }) => value < below);
  // As whole milliseconds, which the frozen reader limits to the years that can be stated.
  const ms = unit && Math.round(value * unit.ms);
  return ms !== undefined && ms >= 1e11 ? readableTimeMs(ms) : undefined;
}

/** ISO 8601 with what the frozen reader does not accept: second 60, hour 24, a space before the zone, no separators. */
function fromIso(text: string): number | undefined {
  let addedMs = 0;
  const iso = text
    .replace(/^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})?/, (_, y, mo, d, h, mi, s = '00') => {
      return `${y}-${mo}-${d}T${h}:${mi}:${s}`;
    })
    .replace(/\s*([a-z]{2,3})$/i, (found, name: string) => ZONES[name.toLowerCase()] ?? found)
    .replace(/\s+(?=(?:Z|[+-]\d{2}:?(?:\d{2})?)$)/i, '')
    .replace(/(\.\d{9})\d+/, '$1')
    .replace(/(?<=\d[T ])24(?=:00(?::00(?:[.,]0+)?)?(?:Z|[+-]|$))/i, () => {
      addedMs += DAY_MS;
      return '00';
    })
    .replace(/(?<=[T ]\d{2}:\d{2}:)60/i, () => {
      addedMs += 1000;
      return '59';
    });
  const ms = readableTimeMs(iso);
  return ms === undefined ? undefined : ms + addedMs;
}

/** @returns an RFC 2822 date as ISO 8601 text; undefined if it is none */
function isoOf(text: string): string | undefined {
  const [, day = '', month = '', year = '', time, zone = 'Z'] = RFC_2822.exec(text) ?? [];
  const index = MONTHS.indexOf(month.toLowerCase());
  const offset = /^[+-]/.test(zone) ? zone : ZONES[zone.toLowerCase()];
  if (time === undefined || index < 0 || offset === undefined) return undefined;
  const date = [year.padStart(4, '20'), String(index + 1).padStart(2, '0'), day.padStart(2, '0')].join('-');
  return `${date}T${time}${offset}`;
}
