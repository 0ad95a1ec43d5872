/**
 * The fields of an event's data: what each may hold, and how it is read. Every value is checked here before it can reach
 * a table: a projection gets the right type or a `FieldError` that names the field, never a half-read row. A missing
 * field, `null` and an empty text (except in a message) all count as not stated.
 */

import { readableTimeMs } from './readable-time.ts';

export type Json = Readonly<Record<string, unknown>>;

/** A value that a projection cannot use. `message` names the field as sent and says what it must be. */
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
  /** @param sentAs the name under which it was sent @throws FieldError if it has another kind of value */
  read(value: unknown, sentAs: string): Read;
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

/** Text as sent, made well-formed Unicode (a lone surrogate would come back from a database as something else). */
export const text = fieldsOf({ columnType: 'TEXT', read: readText });

/** Text that may be empty: an MMS without text has an empty message. */
export const message = fieldsOf({ columnType: 'TEXT', read: readText, readsEmpty: true });

/** An id or a phone number: text, or a safe integer ≥ 0, which is converted to its digits. */
export const id = fieldsOf({
  columnType: 'TEXT',
  read(value, sentAs) {
    if (typeof value === 'string') return value.toWellFormed();
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return String(value);
    throw wrong(sentAs, 'text or a whole number up to 2^53 - 1', value);
  },
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

/** Milliseconds since 1970 UTC, from an integer (seconds or milliseconds) or ISO 8601 text. Handlers get ISO 8601. */
export const time = fieldsOf({
  columnType: 'INTEGER',
  read(value, sentAs) {
    const ms = readableTimeMs(value);
    if (ms === undefined) throw wrong(sentAs, 'ISO 8601 text or Unix time between 2000 and 2100', value);
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
  readsEmpty: true,
});

/** The ids of what events are about. */
export const CALL_UUID = id('call_uuid', 'call_sid', 'call_id', 'uuid');
export const MESSAGE_ID = id('message_id', 'message_sid', 'id');
export const RECORDING_ID = id('recording_id', 'recording_sid');
/** An inbound message is about the contact that sent it. */
export const FROM_NUMBER = id('from_number', 'from');
const ID_SPELLINGS = [CALL_UUID, MESSAGE_ID, RECORDING_ID].flatMap(({ spellings }) => spellings);

/** The fields of one event, for all three body shapes. */
export class Fields {
  readonly #data: Json;

  /** @param data the object that holds the fields: `data` of an envelope, or else the body itself */
  constructor(data: Json) {
    this.#data = data;
  }

  /**
   * The value of the first spelling that states one.
   * @returns undefined if the field is not stated
   * @throws FieldError if its value is of another kind
   */
  get<Read>(field: Field<string, Read>): Read | undefined {
    let hasEmpty = false;
    for (const spelling of field.spellings) {
      const value = this.#data[spelling];
      if (value === '') hasEmpty = true;
      else if (value !== undefined && value !== null) return field.read(value, spelling);
    }
    return hasEmpty && field.readsEmpty ? field.read('', field.name) : undefined;
  }

  /** Like get(), but a value of another kind counts as not stated. */
  usable<Read>(field: Field<string, Read>): Read | undefined {
    try {
      return this.get(field);
    } catch (error) {
      if (error instanceof FieldError) return undefined;
      throw error;
    }
  }

  /** @param fallback read if `field` is not stated @throws FieldError if neither is stated, and as get() */
  required<Read>(field: Field<string, Read>, fallback?: Field<string, Read>): Read {
    const value = this.get(field) ?? (fallback && this.get(fallback));
    if (value === undefined) throw new FieldError(`${field.name} is missing`);
    return value;
  }

  /** Whether this is the dashboard's test delivery: `"test": true` and no id of a call, message or recording. */
  get isTest(): boolean {
    return this.#data['test'] === true && ID_SPELLINGS.every((name) => (this.#data[name] ?? '') === '');
  }
}

function readText(value: unknown, sentAs: string): string {
  if (typeof value !== 'string') throw wrong(sentAs, 'text', value);
  return value.toWellFormed();
}

const DECIMAL = /^-?\d{1,15}(\.\d{1,15})?$/;

/** @returns a finite number that is not minus zero @throws FieldError, also if it does not fit */
function finite(value: unknown, sentAs: string, expected: string, fits = (_: number) => true): number {
  const read = typeof value === 'string' && DECIMAL.test(value) ? Number(value) : value;
  if (typeof read !== 'number' || !Number.isFinite(read) || !fits(read)) throw wrong(sentAs, expected, value);
  return read === 0 ? 0 : read;
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
