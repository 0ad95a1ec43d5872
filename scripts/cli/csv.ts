/**
 * CSV as defined by RFC 4180, for programs and for spreadsheets. It begins with a byte order mark, without which Excel
 * does not read UTF-8, and no text in it is a formula, also for a spreadsheet that expects another separator. There is no
 * line `sep=`: it makes Excel ignore the byte order mark.
 */

/** Between the cells of a line. Spreadsheets expect `;` where numbers have a decimal comma. */
export const SEPARATORS = [',', ';'] as const;
export type Separator = (typeof SEPARATORS)[number];

const BYTE_ORDER_MARK = '\ufeff';

/**
 * Where a spreadsheet may begin a new cell, whatever the separator of the file is. If it expects another one, our quotes
 * are in the middle of its cells and protect nothing.
 */
const BREAK = String.raw`[,;|\p{Cc}\p{Zl}\p{Zp}]`;
/** What a spreadsheet may remove from the beginning of a cell: spaces, invisible characters, quotes. */
const REMOVED = String.raw`[\p{Zs}\p{Cf}\p{Default_Ignorable_Code_Point}"]*`;
/** `=`, `+`, `-`, `@`, and what becomes one of them by Unicode normalization, which some spreadsheets do. */
const OPERATOR = '[=＝﹦⁼₌+＋﹢⁺₊\\-－﹣−⁻₋@＠﹫]';
const NUMBER = String.raw`[+-]\d+(?:[.,]\d+)?`;
/** It has only constants, so it cannot harm, and other programs would take an apostrophe for a part of the number. */
const PHONE_NUMBER = String.raw`\+(?:[\p{Zs}().\/-]*\d){7,}`;
const BEFORE_FORMULA = new RegExp(
  `(?:^|${BREAK})${REMOVED}(?=${OPERATOR})(?!(?:${NUMBER}|${PHONE_NUMBER})\\p{Zs}*$)`,
  'gu',
);

/**
 * Lines end with CRLF. Text is in quotes unless it is one word: then it cannot continue a number before it, where that
 * number and the separator are a number with a decimal comma.
 * @param separator with `;`, numbers have a decimal comma
 */
export function csvLines(
  rows: readonly (readonly (string | number | null)[])[],
  separator: Separator = ',',
): string {
  const lines = rows.map((row) => `${row.map((value) => cell(value, separator)).join(separator)}\r\n`);
  return BYTE_ORDER_MARK + lines.join('');
}

function cell(value: string | number | null, separator: Separator): string {
  if (value === null) return '';
  if (typeof value === 'number') return separator === ';' ? String(value).replace('.', ',') : String(value);
  const text = value.replace(BEFORE_FORMULA, "$&'");
  return /\W/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
