/** The kinds of options: a command declares each of its options with one of them, and the command line reads them. */

import { readableTimeMs } from '../../src/core/event/readable-time.ts';

/** The command line is wrong; `message` says how, in one line. */
export class UsageError extends Error {
  override name = 'UsageError';
}

interface ValueOption<T> {
  readonly type: 'string';
  /** Whether it may be given several times. */
  readonly multiple?: boolean;
  /** @param option as typed, for the message @throws UsageError */
  readonly read: (text: string, option: string) => T;
}

/** By name, without the dashes. */
export type Options = Readonly<Record<string, ValueOption<unknown> | typeof FLAG>>;

type ValueOf<O> =
  O extends ValueOption<infer T>
    ? (O extends { readonly multiple: true } ? readonly T[] : T) | undefined
    : boolean;

/** The values of the given options; a flag that is not given is false. */
export type Values<O extends Options> = { readonly [Name in keyof O]: ValueOf<O[Name]> };

/** An option without a value. */
export const FLAG = { type: 'boolean', default: false } as const;

/** An option with a value. */
export function option<T>(read: ValueOption<T>['read']): ValueOption<T> {
  return { type: 'string', read };
}

export function choice<Name extends string>(...names: readonly Name[]): ValueOption<Name> {
  const allowed = names.length === 2 ? names.join(' or ') : `one of ${names.join(', ')}`;
  return option((text, name) => {
    const found = names.find((each) => each === text);
    if (found === undefined) throw new UsageError(`${name} must be ${allowed}, not ${JSON.stringify(text)}`);
    return found;
  });
}

export function whole(min: number, max: number): ValueOption<number> {
  return option((text, name) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new UsageError(`${name} must be a whole number ${range}, not ${JSON.stringify(text)}`);
  });
}

export const TEXT = option((text) => text);
export const FILLED_TEXT = option((text, name) => {
  if (text.trim() === '') throw new UsageError(`${name} must not be empty`);
  return text;
});
export const SEQ = whole(0, Number.MAX_SAFE_INTEGER);
export const TIME = option(readTime);
export const OUTPUT = choice('table', 'json');

/**
 * Reads an ISO 8601 time. A date without a time means the start of that day; a time without a zone is UTC.
 * @param option as typed, for the message
 * @returns milliseconds since 1970
 * @throws UsageError
 */
export function readTime(text: string, option: string): number {
  const ms = readableTimeMs(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
  if (ms !== undefined) return ms;
  throw new UsageError(
    `${option} must be a date or a time, such as 2026-01-05T09:00:00Z, not ${JSON.stringify(text)}`,
  );
}

/** The seq of an event. @throws UsageError */
export function readSeq(text: string): number {
  const seq = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (seq === 0) throw new UsageError(`${JSON.stringify(text)} is not a seq: give a whole number from 1`);
  return seq;
}

/** @param noun what the names are of, for the message @throws UsageError that lists the names */
export function knownName<Name extends string>(noun: string, text: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === text);
  if (found !== undefined) return found;
  throw new UsageError(`unknown ${noun} ${JSON.stringify(text)}; ${noun}s: ${names.join(', ')}`);
}

/** @param rest the arguments that a command has not used @throws UsageError if there are any */
export function refuseMore([text]: readonly string[]): void {
  if (text !== undefined) throw new UsageError(`unknown argument ${JSON.stringify(text)}`);
}
