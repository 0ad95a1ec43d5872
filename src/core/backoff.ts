/** When a run that has failed is tried again. */

import { RUN_ATTEMPTS_MAX, RUN_RETRY_FIRST_MS, RUN_RETRY_LAST_MS } from './limits.ts';

/**
 * @param attempts how many have failed, from 1
 * @param random from 0 to below 1: spreads what has failed together over half of the delay to one and a half
 * @returns milliseconds until the next one; undefined: there is none, the run is dead
 */
export function retryDelayMs(attempts: number, random: number): number | undefined {
  if (attempts >= RUN_ATTEMPTS_MAX) return undefined;
  const delayMs = Math.min(RUN_RETRY_FIRST_MS * 2 ** (attempts - 1), RUN_RETRY_LAST_MS);
  return Math.round(delayMs * (0.5 + random));
}
