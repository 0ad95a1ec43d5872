/**
 * Log lines on standard output, one record per line, as text or JSON. External text is escaped first, so it can
 * neither split a record nor control a terminal. Callers never pass secrets, signatures or message texts.
 */

import { LOGGED_TEXT_CHARS_MAX } from './limits.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';
export type LogFormat = 'text' | 'json';

export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'fatal'];

/** Writes one record: `message` for people, and `fields`, which appear only in JSON. */
export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;

let second = Number.NaN;
let isoSecond = '';

/** Like Date's toISOString(), but caches the part that all lines of one second share. */
export function isoTime(ms: number): string {
  const now = Math.floor(ms / 1000);
  if (now !== second) isoSecond = new Date(now * 1000).toISOString().slice(0, -'000Z'.length);
  second = now;
  return `${isoSecond}${String(ms - now * 1000).padStart(3, '0')}Z`;
}

/**
 * @param now wall clock, milliseconds
 * @param write writes one line, given without a line end
 * @returns a Log that drops records below its level
 */
export function createLogger(
  leastLevel: LogLevel,
  format: LogFormat,
  now: () => number,
  write: (line: string) => void,
): Log {
  const least = LOG_LEVELS.indexOf(leastLevel);
  return (level, message, fields = {}) => {
    if (LOG_LEVELS.indexOf(level) < least) return;
    const time = isoTime(now());
    const mark = level === 'info' ? '' : `${level.toUpperCase()} `;
    write(
      format === 'json'
        ? escapeLineBreaks(JSON.stringify({ time, level, message, ...fields }))
        : harmless(`[${time}] ${mark}${message}`, Number.POSITIVE_INFINITY),
    );
  };
}

/**
 * Escapes control and formatting characters (CR, LF, ESC, U+2028, bidirectional marks …) as `\u….` and cuts the text
 * to `charsMax`. Use it for every piece of text that a client controls.
 */
export function harmless(text: string, charsMax: number = LOGGED_TEXT_CHARS_MAX): string {
  const cut = text.length > charsMax ? `${text.slice(0, charsMax)}…` : text;
  return cut.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped);
}

function escaped(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
}

/** JSON.stringify does not escape these characters, and some readers treat them as line ends. */
function escapeLineBreaks(json: string): string {
  return json.replace(/[\u007f-\u009f\u2028\u2029]/g, escaped);
}
