/** The keywords that a person may send instead of a message, as carriers define them. */

import { type Column, computed, MESSAGE } from './columns.ts';

export type KeywordEffect = 'opt-out' | 'opt-in' | 'noted';

const EFFECTS = new Map<string, KeywordEffect>([
  ...['STOP', 'STOPALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'REVOKE', 'OPTOUT'].map(
    (word): [string, KeywordEffect] => [word, 'opt-out'],
  ),
  ...['START', 'UNSTOP', 'YES'].map((word): [string, KeywordEffect] => [word, 'opt-in']),
  ...['HELP', 'INFO'].map((word): [string, KeywordEffect] => [word, 'noted']),
]);

/**
 * @param message an inbound message's text
 * @returns the keyword in upper case, if the trimmed message is exactly one; else undefined
 */
export function keywordOf(message: string | undefined): string | undefined {
  const word = message?.trim().toUpperCase();
  return word !== undefined && EFFECTS.has(word) ? word : undefined;
}

/** @param keyword as returned by keywordOf() */
export function effectOf(keyword: string): KeywordEffect {
  return EFFECTS.get(keyword) ?? 'noted';
}

/** A column with the keyword that an inbound message is. */
export function keywordColumn(about: string): Column<string | null, undefined> {
  const read: Column<string>['read'] = (fields) => keywordOf(fields.get(MESSAGE));
  return { ...computed('TEXT', about, 'latest'), types: ['sms.received'], read };
}
