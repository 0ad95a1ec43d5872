/**
 * The keywords that a person may send instead of a message, as carriers define them, however a phone or a gateway spells
 * them. What only begins with an opt-out word is no keyword: a person has to decide what it means.
 */

import { type Column, MESSAGE, nullable } from './columns.ts';

export const OPT_OUT: ReadonlySet<string> = new Set([
  'STOP',
  'STOPALL',
  'UNSUBSCRIBE',
  'CANCEL',
  'END',
  'QUIT',
  'REVOKE',
  'OPTOUT',
  'REMOVE',
  'ARRET',
  'TD',
]);
export const OPT_IN: ReadonlySet<string> = new Set(['START', 'UNSTOP', 'YES']);
const WITHOUT_EFFECT = ['HELP', 'INFO'];
const KEYWORDS = new Set([...OPT_OUT, ...OPT_IN, ...WITHOUT_EFFECT]);
const BEGINNINGS = new Set([...KEYWORDS].flatMap((word) => [...word].map((_, at) => word.slice(0, at + 1))));

/** Spaces, dashes and underscores. The minus sign is a symbol in Unicode, and a braille blank looks like a space. */
const GAP = String.raw`\s\p{Z}\p{Pd}\p{Pc}\u2212\u2800`;
const PUNCTUATION = String.raw`\p{P}\p{Sm}\p{Sc}\p{Sk}`;
/**
 * Invisible characters, control characters and accents. They do not end a word: `Stop\u00adping`. U+0000, with which some
 * gateways end a text, has become U+FFFD when a message is read.
 */
const IGNORED = String.raw`\p{M}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\ufffd`;
/** What may be around and between letters: always a whole run, because it may be a megabyte. */
const BETWEEN = new RegExp(`[${GAP}${PUNCTUATION}${IGNORED}]+`, 'vy');
const PICTURE = String.raw`\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}`;
const BEFORE = new RegExp(`^[${GAP}${PUNCTUATION}${IGNORED}${PICTURE}]+`, 'v');
const HAS_PICTURE = new RegExp(`[${PICTURE}]`, 'v');
const HAS_SEPARATOR = new RegExp(`[${GAP}${PUNCTUATION}]`, 'v');
const HAS_PUNCTUATION = new RegExp(`[[${PUNCTUATION}]--[${GAP}]]`, 'v');
/** True for most messages, and quick. */
const BEGINS_OTHERWISE = new RegExp(
  `^(?!${[...KEYWORDS].map((word) => word.slice(0, 2)).join('|')})[a-z]{2}`,
  'i',
);
const ASCII_LETTER = /[A-Za-z]/;
/** Some invisible characters count as letters in Unicode: U+3164. */
const NO_LETTERS = /[^\p{L}\p{N}]+|\p{Default_Ignorable_Code_Point}+/gu;

/**
 * @param message an inbound message's text
 * @returns the keyword in upper case if the message is exactly one, else undefined. Case, accents, Unicode compatibility
 *   forms, invisible characters, gaps between letters, and punctuation around the keyword do not matter.
 */
export function keywordOf(message: string | undefined): string | undefined {
  const read = message === undefined ? undefined : readKeyword(message);
  return read?.isAll ? read.word : undefined;
}

/** @returns the opt-out word in upper case that the message begins with, if it says more than that; else undefined */
export function optOutWordOf(message: string | undefined): string | undefined {
  const read = message === undefined ? undefined : readKeyword(message);
  return read?.isAll ? undefined : read?.word;
}

interface ReadKeyword {
  readonly word: string;
  /** Whether the message says nothing else. Otherwise the word is an opt-out word. */
  readonly isAll: boolean;
}

/** Reads letters only as long as a keyword begins with them, which is a few of most messages. */
function readKeyword(message: string): ReadKeyword | undefined {
  if (BEGINS_OTHERWISE.test(message)) return undefined;
  const before = BEFORE.exec(message)?.[0] ?? '';
  let isAll = !HAS_PICTURE.test(before);
  let hasPunctuation = false;
  let letters = '';
  /** The longest opt-out word so far after which something other than a letter follows. */
  let begun: string | undefined;
  const beginning = () => (begun === undefined ? undefined : { word: begun, isAll: false });

  for (let at = before.length; at < message.length; ) {
    const character = String.fromCodePoint(message.codePointAt(at) as number);
    const found = lettersOf(character);
    if (found !== '') {
      letters += found;
      if (!BEGINNINGS.has(letters)) return beginning();
      if (hasPunctuation) isAll = false;
      at += character.length;
    } else {
      BETWEEN.lastIndex = at;
      const between = BETWEEN.exec(message)?.[0];
      if (OPT_OUT.has(letters) && (between === undefined || HAS_SEPARATOR.test(between))) begun = letters;
      if (between === undefined) return beginning();
      if (HAS_PUNCTUATION.test(between)) hasPunctuation = true;
      at += between.length;
    }
  }
  if (isAll && KEYWORDS.has(letters)) return { word: letters, isAll };
  return OPT_OUT.has(letters) ? { word: letters, isAll: false } : beginning();
}

/** @returns the letters and digits that a character stands for, in upper case: `Ｓ` and `ⓢ` are `S` */
function lettersOf(character: string): string {
  if (ASCII_LETTER.test(character)) return character.toUpperCase();
  return character.normalize('NFKD').replace(NO_LETTERS, '').toUpperCase();
}

/** A column with the keyword that an inbound message is. */
export function keywordColumn(about: string): Column<string | null, undefined> {
  return columnOf(keywordOf, about);
}

/** A column with the opt-out word that a longer inbound message begins with. */
export function optOutWordColumn(about: string): Column<string | null, undefined> {
  return columnOf(optOutWordOf, about);
}

function columnOf(wordOf: typeof keywordOf, about: string): Column<string | null, undefined> {
  const read: Column<string>['read'] = (fields) => wordOf(fields.get(MESSAGE));
  return { ...nullable('TEXT', about, 'latest'), types: ['sms.received'], read };
}
