/**
 * Typed access to an event's data. Every value is checked here before it can reach a table: a projection gets the right
 * type or a `FieldError` that names the field, never a half-read row. A missing field, `null` and an empty text (except
 * in a message) all count as not stated and give undefined.
 */

import { readableTimeMs } from './readable-time.ts';

export type Json = Readonly<Record<string, unknown>>;

/** A value that a projection cannot use. `message` names the field as sent and says what it must be. */
export class FieldError extends Error {
  override name = 'FieldError';
}

/** Our name for a field → the names under which it may be sent, in order of precedence. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  call_uuid: ['call_uuid', 'call_sid', 'call_id', 'uuid'],
  message_id: ['message_id', 'message_sid', 'id'],
  recording_id: ['recording_id', 'recording_sid'],
  from_number: ['from_number', 'from'],
  to_number: ['to_number', 'to'],
  message: ['message', 'body'],
  duration_seconds: ['duration_seconds', 'duration'],
  total_cost: ['total_cost', 'cost'],
  transcription: ['transcription', 'transcript', 'text'],
};

const SUBJECT_IDS = ['call_uuid', 'message_id', 'recording_id'] as const;
const DECIMAL = /^-?\d{1,15}(\.\d{1,15})?$/;
const MICROS_PER_UNIT = 1_000_000;

/** The fields of one event, for all three body shapes. */
export class Fields {
  readonly #data: Json;

  /** @param data the object that holds the fields: `data` of an envelope, or else the body itself */
  constructor(data: Json) {
    this.#data = data;
  }

  /** Text as sent, made well-formed Unicode (a lone surrogate would come back from a database as something else). */
  text(name: string): string | undefined {
    const value = this.#find(name);
    if (value === undefined || value === '') return undefined;
    if (typeof value !== 'string') throw this.#wrong(name, 'text', value);
    return value.toWellFormed();
  }

  /** Text that may be empty: an MMS without text has an empty message. */
  message(): string | undefined {
    return this.#find('message') === '' ? '' : this.text('message');
  }

  /** An id or a phone number: text, or a safe integer ≥ 0, which is converted to its digits. */
  id(name: string): string | undefined {
    const value = this.#find(name);
    if (value === undefined || value === '') return undefined;
    if (typeof value === 'string') return value.toWellFormed();
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return String(value);
    throw this.#wrong(name, 'text or a whole number up to 2^53 - 1', value);
  }

  /** Like `id`, but a missing id is an error: without it the event has no row. */
  requiredId(name: string): string {
    const value = this.id(name);
    if (value === undefined) throw new FieldError(`${name} is missing`);
    return value;
  }

  /** A finite number, or decimal text for one. */
  number(name: string): number | undefined {
    return this.#finite(name, 'a number');
  }

  /** A finite number ≥ 0, or decimal text for one. */
  quantity(name: string): number | undefined {
    const number = this.#finite(name, 'a number ≥ 0');
    if (number !== undefined && number < 0) throw this.#wrong(name, 'a number ≥ 0', this.#find(name));
    return number;
  }

  /** A whole number from 0 to 2^53 - 1, or decimal text for one. */
  count(name: string): number | undefined {
    const number = this.#finite(name, 'a whole number ≥ 0');
    if (number === undefined) return undefined;
    if (!Number.isSafeInteger(number) || number < 0)
      throw this.#wrong(name, 'a whole number ≥ 0', this.#find(name));
    return number;
  }

  /** Money in millionths of the currency unit, so that sums are exact. */
  micros(name: string): number | undefined {
    const number = this.#finite(name, 'an amount');
    if (number === undefined) return undefined;
    const micros = Math.round(number * MICROS_PER_UNIT);
    if (!Number.isSafeInteger(micros)) throw this.#wrong(name, 'an amount below 9 billion', this.#find(name));
    return micros === 0 ? 0 : micros;
  }

  /** Milliseconds since 1970 UTC, from an integer (seconds or milliseconds) or ISO 8601 text. */
  timeMs(name: string): number | undefined {
    const value = this.#find(name);
    if (value === undefined || value === '') return undefined;
    return readableTimeMs(value) ?? requireTimeMs(this.#sentAs(name), value);
  }

  /** A list of well-formed texts. An empty list counts as stated. */
  textList(name: string): string[] | undefined {
    const value = this.#find(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.#wrong(name, 'a list of texts', value);
    return value.map((item: unknown, index) => {
      if (typeof item !== 'string') throw wrong(`${this.#sentAs(name)}[${index}]`, 'text', item);
      return item.toWellFormed();
    });
  }

  /** Whether this is the dashboard's test delivery: `"test": true` and no id of a call, message or recording. */
  get isTest(): boolean {
    return this.#data['test'] === true && SUBJECT_IDS.every((name) => (this.#find(name) ?? '') === '');
  }

  #finite(name: string, expected: string): number | undefined {
    const value = this.#find(name);
    if (value === undefined || value === '') return undefined;
    const number = typeof value === 'string' && DECIMAL.test(value) ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isFinite(number)) throw this.#wrong(name, expected, value);
    return number === 0 ? 0 : number;
  }

  /** The value of the first spelling that states one; otherwise an empty text, if one was sent. */
  #find(name: string): unknown {
    let found: unknown;
    for (const spelling of spellingsOf(name)) {
      const value = this.#data[spelling];
      if (value === '') found = value;
      else if (value !== undefined && value !== null) return value;
    }
    return found;
  }

  /** The name under which a stated field was sent. */
  #sentAs(name: string): string {
    const isStated = (value: unknown) => value !== undefined && value !== null && value !== '';
    return spellingsOf(name).find((spelling) => isStated(this.#data[spelling])) ?? name;
  }

  #wrong(name: string, expected: string, value: unknown): FieldError {
    return wrong(this.#sentAs(name), expected, value);
  }
}

function spellingsOf(name: string): readonly string[] {
  return SPELLINGS[name] ?? [name];
}

/**
 * @param name the field as it was sent, for the error
 * @throws FieldError if the value is not a time between 2000 and 2100
 */
export function requireTimeMs(name: string, value: unknown): number {
  const ms = readableTimeMs(value);
  if (ms === undefined) throw wrong(name, 'ISO 8601 text or Unix time between 2000 and 2100', value);
  return ms;
}

/** The reason names the field and the kind of value. It never quotes text, which may be personal data. */
function wrong(sentAs: string, expected: string, value: unknown): FieldError {
  const shown = typeof value === 'number' ? String(value) : kindOf(value);
  return new FieldError(`${sentAs} must be ${expected}, got ${shown}`);
}

/** The kind of a JSON value, for messages. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? 'text' : `a ${typeof value}`;
}
