/** When a failed run is retried. */

import { RUN_ATTEMPTS_MAX, RUN_RETRY_FIRST_MS, RUN_RETRY_LAST_MS } from '../limits.ts';

/**
 * @param attempts failed attempts so far, at least 1
 * @param random from 0 to below 1; spreads runs that failed together over 0.5 to 1.5 times the delay
 * @returns milliseconds until the next attempt; undefined if there are no more attempts and the run is dead
 */
export function retryDelayMs(attempts: number, random: number): number | undefined {
  if (attempts >= RUN_ATTEMPTS_MAX) return undefined;
  const delayMs = Math.min(RUN_RETRY_FIRST_MS * 2 ** (attempts - 1), RUN_RETRY_LAST_MS);
  return Math.round(delayMs * (0.5 + random));
}
