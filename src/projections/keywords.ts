/** The keywords that a person may send instead of a message, as carriers define them. */

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
]);
export const OPT_IN: ReadonlySet<string> = new Set(['START', 'UNSTOP', 'YES']);
const WITHOUT_EFFECT = ['HELP', 'INFO'];
const KEYWORDS = new Set([...OPT_OUT, ...OPT_IN, ...WITHOUT_EFFECT]);

/**
 * @param message an inbound message's text
 * @returns the keyword in upper case, if the trimmed message is exactly one; else undefined
 */
export function keywordOf(message: string | undefined): string | undefined {
  const word = message?.trim().toUpperCase();
  return word !== undefined && KEYWORDS.has(word) ? word : undefined;
}

/** A column with the keyword that an inbound message is. */
export function keywordColumn(about: string): Column<string | null, undefined> {
  const read: Column<string>['read'] = (fields) => keywordOf(fields.get(MESSAGE));
  return { ...nullable('TEXT', about, 'latest'), types: ['sms.received'], read };
}
