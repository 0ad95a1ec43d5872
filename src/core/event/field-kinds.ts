/**
 * The kinds of field: what each may hold, and how its value is read and stored. Every value is checked here before it
 * can reach a table.
 */

import * as crypto from 'node:crypto'; // a missing named import would stop old Nodes before the version check
import { ROW_KEY_BYTES_MAX, TIME_AHEAD_MAX_MS } from '../limits.ts';
import { statedTimeMs } from './stated-time.ts';

/** A value that cannot be used, or that is missing. `message` names the field as sent and says what it must be. */
export class FieldError extends Error {
  override name = 'FieldError';
}

/** A field: `Read` is what a projection reads, `Shown` is what a handler gets. */
export interface Field<Name extends string = string, Read = unknown, Shown = unknown> {
  /** Our name for it, under which handlers get it. */
  readonly name: Name;
  /** The names under which it may be sent, in order of precedence. Ours is the first. */
  readonly spellings: readonly string[];
  /** The type of a column that holds it. */
  readonly columnType: 'TEXT' | 'INTEGER' | 'REAL';
  /**
   * @param sentAs the name under which it was sent
   * @param latestMs a later time is unusable, milliseconds since 1970 UTC
   * @throws FieldError if it is unusable
   */
  read(value: unknown, sentAs: string, latestMs: number): Read;
  /** The value of a column that holds it. */
  stored(value: Read): string | number;
  shown(value: Read): Shown;
  /** Whether an empty text is read. Otherwise it counts as not stated. */
  readonly readsEmpty: boolean;
}

/** How fields of one kind differ from others. By default, tables and handlers get what was read. */
type Kind<Read, Shown> = Pick<Field<string, Read, Shown>, 'columnType' | 'read'> &
  Partial<Pick<Field<string, Read, Shown>, 'stored' | 'shown' | 'readsEmpty'>>;

/** @returns a function that declares fields of this kind, by our name and the other spellings */
function fieldsOf<Read, Shown = Read>(kind: Kind<Read, Shown>) {
  const defaults = { stored: (value: unknown) => value, shown: (value: unknown) => value, readsEmpty: false };
  return <const Name extends string>(name: Name, ...others: string[]) =>
    ({ name, spellings: [name, ...others], ...defaults, ...kind }) as Field<Name, Read, Shown>;
}

/** Text as sent, except that U+0000 and lone surrogates become U+FFFD. */
export const text = fieldsOf({ columnType: 'TEXT', read: readText });

/** Text that may be empty: an MMS without text has an empty message. */
export const message = fieldsOf({ columnType: 'TEXT', read: readText, readsEmpty: true });

/** An id or a phone number: text, or a safe integer ≥ 0, which is converted to its digits. */
export const id = fieldsOf({ columnType: 'TEXT', read: readId });

/** An id that a row is found by, see rowKey(). */
const keyId = fieldsOf({
  columnType: 'TEXT',
  read: (value, sentAs) => rowKey(readId(value, sentAs)),
});

/** A finite number, or decimal text for one. */
export const number = fieldsOf({
  columnType: 'REAL',
  read: (value, sentAs) => finite(value, sentAs, 'a number'),
});

/** A finite number ≥ 0, or decimal text for one. */
export const quantity = fieldsOf({
  columnType: 'REAL',
  read: (value, sentAs) => finite(value, sentAs, 'a number ≥ 0', (read) => read >= 0),
});

/** A whole number from 0 to 2^53 - 1, or decimal text for one. */
export const count = fieldsOf({
  columnType: 'INTEGER',
  read: (value, sentAs) =>
    finite(value, sentAs, 'a whole number ≥ 0', (read) => Number.isSafeInteger(read) && read >= 0),
});

const MICROS_PER_UNIT = 1_000_000;

/** Money in millionths of the currency unit, so that sums are exact. Handlers get currency units. */
export const micros = fieldsOf({
  columnType: 'INTEGER',
  read(value, sentAs) {
    const read = Math.round(finite(value, sentAs, 'an amount') * MICROS_PER_UNIT);
    if (!Number.isSafeInteger(read)) throw wrong(sentAs, 'an amount below 9 billion', value);
    return read === 0 ? 0 : read;
  },
  shown: (value) => value / MICROS_PER_UNIT,
});

const AHEAD = `${TIME_AHEAD_MAX_MS / 60_000} minutes`;

/** Milliseconds since 1970 UTC, in any format that statedTimeMs() reads. Handlers get ISO 8601. */
export const time = fieldsOf({
  columnType: 'INTEGER',
  read(value, sentAs, latestMs) {
    const ms = statedTimeMs(value);
    if (ms === undefined)
      throw wrong(sentAs, 'an ISO 8601 or RFC 2822 date or a Unix time, from 2000 to 2100', value);
    if (ms > latestMs) throw new FieldError(`${sentAs} must be at most ${AHEAD} after the signature`);
    return ms;
  },
  shown: (ms) => new Date(ms).toISOString(),
});

/** A list of well-formed texts, in a table as JSON. An empty list counts as stated. */
export const texts = fieldsOf<readonly string[]>({
  columnType: 'TEXT',
  read(value, sentAs) {
    if (!Array.isArray(value)) throw wrong(sentAs, 'a list of texts', value);
    return value.map((item: unknown, index) => readText(item, `${sentAs}[${index}]`));
  },
  stored: JSON.stringify,
});

/** The ids of what events are about. */
export const CALL_UUID = keyId('call_uuid', 'call_sid', 'call_id', 'uuid');
export const MESSAGE_ID = keyId('message_id', 'message_sid', 'id');
export const RECORDING_ID = keyId('recording_id', 'recording_sid');
/** An inbound message is about the contact that sent it. */
export const FROM_NUMBER = id('from_number', 'from');

function readText(value: unknown, sentAs: string): string {
  if (typeof value !== 'string') throw wrong(sentAs, 'text', value);
  return storable(value);
}

function readId(value: unknown, sentAs: string): string {
  if (typeof value === 'string') return storable(value);
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return String(value);
  throw wrong(sentAs, 'text or a whole number from 0 to 2^53 - 1', value);
}

/** PostgreSQL's text cannot hold U+0000, and neither database returns a lone surrogate. */
function storable(value: string): string {
  const wellFormed = value.toWellFormed();
  return wellFormed.includes('\0') ? wellFormed.replaceAll('\0', '\ufffd') : wellFormed;
}

const KEY_PREFIX_CHARS = 100;

/**
 * What stands for an id, or for several parts of one, as the key of a row.
 * @returns the text itself, or its beginning and its SHA-256 if it has more than ROW_KEY_BYTES_MAX bytes of UTF-8
 */
export function rowKey(text: string): string {
  const fits = text.length <= ROW_KEY_BYTES_MAX / 3 || Buffer.byteLength(text) <= ROW_KEY_BYTES_MAX;
  if (fits) return text;
  return `${text.slice(0, KEY_PREFIX_CHARS).toWellFormed()}#${crypto.hash('sha256', text)}`;
}

/** What programs make of numbers: `0.0125`, `0.30000000000000004`, `7.5e-05`, `.5`, ` 12 `. */
const DECIMAL = /^ *[+-]?(?:\d{1,15}(?:\.\d{0,20})?|\.\d{1,20})(?:e[+-]?\d{1,2})? *$/i;

/** @returns a finite number that is not minus zero @throws FieldError, also if it does not fit */
function finite(value: unknown, sentAs: string, expected: string, fits = (_: number) => true): number {
  const read = typeof value === 'string' && DECIMAL.test(value) ? Number(value) : value;
  if (typeof read !== 'number' || !Number.isFinite(read) || !fits(read)) throw wrong(sentAs, expected, value);
  return read === 0 ? 0 : read;
}

/** The reason names the field and the kind of value, never the value: even a number may be personal data. */
function wrong(sentAs: string, expected: string, value: unknown): FieldError {
  return new FieldError(`${sentAs} must be ${expected}, got ${kindOf(value)}`);
}

/** The kind of a JSON value, for messages. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'number') return kindOfNumber(value);
  return typeof value === 'string' ? 'text' : `a ${typeof value}`;
}

function kindOfNumber(value: number): string {
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) return 'a number beyond 2^53 - 1';
  if (value < 0) return 'a negative number';
  return Number.isInteger(value) ? 'a number' : 'a fraction';
}
