/** Times on the command line and in tables, always in UTC. */

import { readableTimeMs } from '../../src/core/event/readable-time.ts';
import { UsageError } from './command.ts';

/**
 * Reads an ISO 8601 time. A date without a time means the start of that day; a time without a zone is UTC.
 * @returns milliseconds since 1970; undefined if the option is not given
 * @throws UsageError
 */
export function timeOption(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{4}-\d\d-\d\d$/.test(text) ? readableTimeMs(`${text}T00:00:00Z`) : readableTimeMs(text);
  if (ms === undefined)
    throw new UsageError(
      `${option} must be a date or a time, such as 2026-01-05T09:00:00Z, not ${JSON.stringify(text)}`,
    );
  return ms;
}

/** `2026-01-05 09:00:00.000` */
export function shownTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, -1).replace('T', ' ');
}
