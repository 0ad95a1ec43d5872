/**
 * Parses the time formats that the sender uses. FROZEN: the idempotency key of every recorded event
 * depends on it, so a changed rule would accept old duplicates as new.
 */

const YEAR_MIN_MS = Date.UTC(2000, 0, 1);
const YEAR_MAX_MS = Date.UTC(2101, 0, 1);
/** Integers below this are seconds; others are milliseconds. */
const SECONDS_LIMIT = 1e11;
const ISO_8601 =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:([Zz])|([+-])(\d{2}):?(\d{2})?)?)?$/;

/**
 * @param value any value from a JSON body
 * @returns milliseconds since 1970 UTC, within the years 2000 to 2100; undefined if the value is neither an integer nor
 *   ISO 8601 text in that range. Text without a time zone is UTC; the machine's time zone has no effect.
 */
export function readableTimeMs(value: unknown): number | undefined {
  const ms =
    typeof value === 'number' ? fromInteger(value) : typeof value === 'string' ? fromIso(value) : undefined;
  return ms !== undefined && ms >= YEAR_MIN_MS && ms < YEAR_MAX_MS ? ms : undefined;
}

function fromInteger(value: number): number | undefined {
  if (!Number.isSafeInteger(value)) return undefined;
  return value < SECONDS_LIMIT ? value * 1000 : value;
}

/** Caches the last text, because an event's time is parsed twice: for its key and for its tables. */
let lastText = '';
let lastMs: number | undefined;

function fromIso(text: string): number | undefined {
  if (text !== lastText) {
    lastMs = parseIso(text);
    lastText = text;
  }
  return lastMs;
}

function parseIso(text: string): number | undefined {
  const match = ISO_8601.exec(text);
  if (match === null) return undefined;
  const [
    ,
    year,
    month,
    day,
    hour = '0',
    minute = '0',
    second = '0',
    fraction = '',
    ,
    sign,
    zoneHour,
    zoneMinute,
  ] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  if (Number(zoneHour ?? 0) > 23 || Number(zoneMinute ?? 0) > 59) return undefined;
  const midnight = Date.UTC(Number(year), Number(month) - 1, Number(day));
  const date = new Date(midnight);
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  const milliseconds = Number(fraction.slice(0, 3).padEnd(3, '0'));
  const zoneMinutes = Number(zoneHour ?? 0) * 60 + Number(zoneMinute ?? 0);
  const zoneMs = (sign === '-' ? -zoneMinutes : zoneMinutes) * 60_000;
  return (
    midnight +
    Number(hour) * 3_600_000 +
    Number(minute) * 60_000 +
    Number(second) * 1000 +
    milliseconds -
    zoneMs
  );
}
