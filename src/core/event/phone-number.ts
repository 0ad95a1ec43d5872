/**
 * The compared form of a phone number: spellings of one number that state its country code have the same form, and two
 * such numbers never do. It is in the key of a contact, and a person's input is compared with it. The number as sent
 * stays in `sms_messages`.
 */

import { PHONE_NUMBER_CHARS_MAX } from '../limits.ts';

/**
 * Removed before anything else is looked at, because some of them count as letters in Unicode. U+0000 has become U+FFFD
 * when a number is read.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800\ufffd]/gu;
const LETTER = /[\p{L}@]/u;
/** Spaces, dashes (the minus sign is a symbol in Unicode), dots, slashes. */
const SEPARATORS = /[\s\p{Z}\p{Pd}\u2212\u2043./\\·•]/gu;
/** `+44 (0)20 7946 0000`: the zero is dialed only within the country. */
const TRUNK_ZERO = /(?<=\d)[([]0[)\]]/g;
const BRACKETS = /[()[\]{}]/g;
const INTERNATIONAL_PREFIX = /^(?:00(?=\d{8,}$)|011(?=\d{10,}$))/;
/** With its country code, but without a prefix. */
const WITH_COUNTRY_CODE = /^[1-9]\d{10,14}$/;

/**
 * Text with a letter or `@`, such as `ACME-DE`, stays as sent, and so does text that is too long for a number.
 * Otherwise separators, invisible characters and a `(0)` within the number are removed, and an international number gets
 * a `+`. Nothing else is guessed: a national number or a short code has no country code.
 * @returns never empty, unless `number` is; the compared form of a compared form is itself
 */
export function comparedNumber(number: string): string {
  if (number.length > PHONE_NUMBER_CHARS_MAX) return number;
  const text = number.normalize('NFKC').replace(INVISIBLE, '');
  if (LETTER.test(text)) return number;
  const digits = text
    .replace(SEPARATORS, '')
    .replace(TRUNK_ZERO, '')
    .replace(BRACKETS, '')
    .replace(INTERNATIONAL_PREFIX, '+');
  return WITH_COUNTRY_CODE.test(digits) ? `+${digits}` : digits || number;
}

/** Whether a text can name someone who sends messages: a number, or a name such as `ACME-DE`. */
export function hasLetterOrDigit(text: string): boolean {
  return /[\p{L}\p{N}]/u.test(text.replace(INVISIBLE, ''));
}
