/**
 * What one event states. A missing field, `null` and an empty text (except in a message) all count as not stated. So
 * does an unusable value, which is noted: it costs only its column.
 */

import { TIME_AHEAD_MAX_MS } from '../limits.ts';
import { CALL_UUID, type Field, FieldError, MESSAGE_ID, RECORDING_ID, time } from './field-kinds.ts';

export type Json = Readonly<Record<string, unknown>>;

const ID_SPELLINGS = [CALL_UUID, MESSAGE_ID, RECORDING_ID].flatMap(({ spellings }) => spellings);
const TIMESTAMP = time('timestamp');
const DAY_MS = 86_400_000;

/**
 * The times that an event can state besides its timestamp, in order of precedence. Later ones come first, because
 * `call.completed` also states when the call started. body-time.ts has a list of its own on purpose: that one is frozen.
 */
export const OCCURRED = [
  'ended_at',
  'delivered_at',
  'received_at',
  'answered_at',
  'started_at',
  'created_at',
].map((name) => time(name));

/** What one event states, for all three body shapes, and which of its values are unusable. */
export class Fields {
  readonly #data: Json;
  readonly #body: Json;
  readonly #signedAtMs: number;
  #problems: Map<string, string> | undefined;

  /**
   * @param data the object that holds the fields: `data` of an envelope, or else the body itself
   * @param body the whole body
   * @param signedAtMs milliseconds since 1970 UTC; without it, times are not bounded
   */
  constructor(data: Json, body: Json = data, signedAtMs: number = Number.POSITIVE_INFINITY) {
    this.#data = data;
    this.#body = body;
    this.#signedAtMs = signedAtMs;
  }

  /** By our name of the field: what is wrong with the unusable values that were read since forgetProblems(). */
  get problems(): ReadonlyMap<string, string> {
    return this.#problems ?? NO_PROBLEMS;
  }

  /** Call it before each stage that reads the fields. Maps that `problems` has returned do not change. */
  forgetProblems(): void {
    this.#problems = undefined;
  }

  /**
   * The first usable value, in the order of the spellings. Unusable ones are noted in `problems`.
   * @returns undefined if the field is not stated, or has no usable value
   */
  get<Read>(field: Field<string, Read>): Read | undefined {
    return this.#read(this.#data, field);
  }

  #read<Read>(data: Json, field: Field<string, Read>): Read | undefined {
    let hasEmpty = false;
    for (const spelling of field.spellings) {
      const value = data[spelling];
      if (value === '') hasEmpty = true;
      else if (value !== undefined && value !== null)
        try {
          return field.read(value, spelling, this.#signedAtMs + TIME_AHEAD_MAX_MS);
        } catch (error) {
          if (!(error instanceof FieldError)) throw error;
          this.#note(field, error.message);
        }
    }
    return hasEmpty && field.readsEmpty ? ('' as Read) : undefined;
  }

  #note({ name }: Field, problem: string): void {
    this.#problems ??= new Map();
    if (!this.#problems.has(name)) this.#problems.set(name, problem);
  }

  /** @throws FieldError if the field is not stated, or has no usable value */
  required<Read>(field: Field<string, Read>): Read {
    const value = this.get(field);
    if (value === undefined)
      throw new FieldError(this.problems.get(field.name) ?? `${field.name} is missing`);
    return value;
  }

  /**
   * When the event occurred: the first usable time that it states, or else the time of its signature.
   * @param behindMaxMs how much earlier than the signature that may be: an earlier time is unusable, too
   * @returns milliseconds since 1970 UTC
   */
  occurredAtMs(behindMaxMs: number = Number.POSITIVE_INFINITY): number {
    let ms = this.#time(this.#body, TIMESTAMP, behindMaxMs) ?? this.#time(this.#data, TIMESTAMP, behindMaxMs);
    for (const field of OCCURRED) ms ??= this.#time(this.#data, field, behindMaxMs);
    return ms ?? this.#signedAtMs;
  }

  #time(data: Json, field: Field<string, number>, behindMaxMs: number): number | undefined {
    const ms = this.#read(data, field);
    const isTooEarly = ms !== undefined && ms < this.#signedAtMs - behindMaxMs;
    if (!isTooEarly) return ms;
    this.#note(field, `${field.name} must be at most ${behindMaxMs / DAY_MS} days before the signature`);
    return undefined;
  }

  /** Whether this is the dashboard's test delivery: `"test": true` and no id of a call, message or recording. */
  get isTest(): boolean {
    return this.#data['test'] === true && ID_SPELLINGS.every((name) => (this.#data[name] ?? '') === '');
  }
}

const NO_PROBLEMS: ReadonlyMap<string, string> = new Map();
