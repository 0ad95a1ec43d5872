/** Keeps the log readable where every event fails. */

import { LOGGED_FAILURES_PER_SECOND_MAX } from './limits.ts';
import type { LogLevel } from './logger.ts';

/** Warnings beyond the first of a second are only counted: what they told is in the state file. */
export function quietly(
  log: (level: LogLevel, text: string) => void,
): (level: LogLevel, text: string) => void {
  let second = 0;
  let count = 0;
  return (level, text) => {
    const now = Math.floor(performance.now() / 1000);
    if (now !== second) {
      if (count > LOGGED_FAILURES_PER_SECOND_MAX)
        log('warn', `${count - LOGGED_FAILURES_PER_SECOND_MAX} more warnings of handlers in one second`);
      second = now;
      count = 0;
    }
    if (level === 'warn') count += 1;
    if (level !== 'warn' || count <= LOGGED_FAILURES_PER_SECOND_MAX) log(level, text);
  };
}
