/** Keeps the log readable when every event fails. */

import { LOGGED_FAILURES_PER_SECOND_MAX } from './limits.ts';
import type { LogLevel } from './logger.ts';

/** Limits warnings per second. Further ones are only counted, because their details are in the state file. */
export function quietly(
  log: (level: LogLevel, text: string) => void,
): (level: LogLevel, text: string) => void {
  let second = 0;
  let count = 0;
  return (level, text) => {
    const now = Math.floor(performance.now() / 1000);
    if (now !== second) {
      if (count > LOGGED_FAILURES_PER_SECOND_MAX)
        log('warn', `${count - LOGGED_FAILURES_PER_SECOND_MAX} more handler warnings in one second`);
      second = now;
      count = 0;
    }
    if (level === 'warn') count += 1;
    if (level !== 'warn' || count <= LOGGED_FAILURES_PER_SECOND_MAX) log(level, text);
  };
}
