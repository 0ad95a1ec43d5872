/** How the text of a variable becomes its value, for each kind of variable. */

import { existsSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { ADMIN_TOKEN_CHARS_MIN, FORWARD_KEY_BYTES_MAX, FORWARD_KEY_BYTES_MIN } from '../core/limits.ts';
import { type AddressRanges, parseAddressRanges } from '../http/guard/address-ranges.ts';

/** The text cannot be used; `message` continues the variable's name, or its value if that is shown. */
export class Invalid extends Error {
  /** Whether the value is shown with its variable; never that of a secret. */
  readonly showsValue: boolean;

  constructor(message: string, showsValue = false) {
    super(message);
    this.showsValue = showsValue;
  }
}

/** For a text that is no secret. */
function notAllowed(allowed: string): Invalid {
  return new Invalid(`: must be ${allowed}`, true);
}

/** The values in a list with commas, without repetitions. */
export function list(text: string): string[] {
  const values = text.split(',').map((value) => value.trim());
  return [...new Set(values.filter((value) => value !== ''))];
}

export function oneOf<T extends string>(...allowed: readonly T[]) {
  return (text: string): T => {
    if (!(allowed as readonly string[]).includes(text)) throw notAllowed(allowed.join(' or '));
    return text as T;
  };
}

export function yesOrNo(text: string): boolean {
  return oneOf('true', 'false')(text) === 'true';
}

/** @param more what follows the range in the message */
export function wholeNumber(min: number, max: number, more = '') {
  return (text: string): number => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw notAllowed(`a whole number from ${min} to ${max}${more}`);
  };
}

export function addressRanges(text: string): AddressRanges {
  const ranges = parseAddressRanges(text);
  if ('has' in ranges) return ranges;
  const allowed = '"none" or a list of "loopback", addresses and ranges';
  throw notAllowed(`${allowed}; ${JSON.stringify(ranges.wrong)} is not valid`);
}

export function adminToken(text: string): string {
  if (text.length >= ADMIN_TOKEN_CHARS_MIN) return text;
  throw new Invalid(
    ` has ${text.length} characters: must have at least ${ADMIN_TOKEN_CHARS_MIN}; \`openssl rand -hex 16\` generates one`,
  );
}

export function httpUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (/^https?:$/.test(url?.protocol ?? '') && url?.username === '' && url.password === '') return text;
  throw notAllowed('an http or https URL without a user name or password');
}

export function eventTypes(text: string): string[] {
  const types = text.split(',').map((type) => type.trim());
  const strange = types.find((type) => !/^(\*|[a-z0-9_-]+(\.[a-z0-9_-]+)*(\.\*)?)$/.test(type));
  if (strange === undefined) return types;
  throw new Invalid(
    `: must be event types separated by commas, such as call.failed, call.* or *; ${JSON.stringify(strange)} is not valid`,
  );
}

/** What a FORWARD_SECRET must be, for messages. */
export const FORWARD_KEY = `must be whsec_ and the base64 of ${FORWARD_KEY_BYTES_MIN} to ${FORWARD_KEY_BYTES_MAX} bytes; \`echo whsec_$(openssl rand -base64 32)\` generates one`;

export function forwardKey(text: string): Uint8Array {
  const base64 = text.replace(/^whsec_/, '');
  const key = Buffer.from(/^[A-Za-z0-9+/]+={0,2}$/.test(base64) ? base64 : '', 'base64');
  if (key.length >= FORWARD_KEY_BYTES_MIN && key.length <= FORWARD_KEY_BYTES_MAX) return key;
  throw new Invalid(` is not valid: ${FORWARD_KEY}`);
}

/** @returns why the path is refused, if only a shell could expand it; otherwise undefined */
export function pathProblem(text: string): string | undefined {
  if (!/^(~|\$[A-Za-z_{(])/.test(text)) return undefined;
  const what = text.startsWith('~') ? '~' : 'variables';
  return `no shell expands ${what} here: write the whole path, or ./${text} if the name really begins like that`;
}

/** @returns the absolute path */
export function path(text: string): string {
  const problem = pathProblem(text);
  if (problem !== undefined) throw new Invalid(`: ${problem}`, true);
  return resolve(text);
}

/** @param url a path or a file: URL @returns the absolute path */
export function databasePath(url: string): string {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== 'file') {
    throw new Invalid(
      `: ${scheme}: databases are not supported: the log is a SQLite file; use file:PATH, for example file:data/irisx.db`,
    );
  }
  const literal =
    scheme === undefined ? url : url.slice('file:'.length).replace(/^\/\/(localhost)?(?=\/)/i, '');
  const isUrl = scheme !== undefined;
  const isUnclear = isUrl && (literal === '' || literal.startsWith('//') || literal.includes('?'));
  const problem = isUnclear ? 'must be file:PATH without a host or parameters' : pathProblem(literal);
  if (problem !== undefined) throw new Invalid(`: ${JSON.stringify(url)}: ${problem}`);
  // Earlier versions did not decode the escapes of a URL.
  const absolute = resolve(isUrl && !existsSync(literal) ? unescaped(literal) : literal);
  // SQLite puts its side files next to a link's target.
  return existsSync(absolute) ? realpathSync(absolute) : absolute;
}

/** Keeps sequences that are not valid UTF-8, and %00, which no file name can contain. */
function unescaped(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      const plain = decodeURIComponent(escapes);
      return plain.includes('\0') ? escapes : plain;
    } catch {
      return escapes;
    }
  });
}
