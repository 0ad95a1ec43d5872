/** Turns a run's failure into its stored state (when it is retried, if at all) and its log line. */

import type { StoredRun } from '../engine/run-store.ts';
import { RUN_ATTEMPTS_MAX, RUN_RETRY_FIRST_MS, RUN_RETRY_LAST_MS } from '../limits.ts';
import type { LogLevel } from '../logger.ts';
import { IRISX } from '../packaging.ts';
import type { RunFailed } from './consumer.ts';

export interface RunFailure {
  readonly consumer: string;
  readonly seq: number;
  readonly subject: string | null;
  /** From 1. */
  readonly attempt: number;
  readonly error: RunFailed;
}

/**
 * @param nowMs wall clock, milliseconds
 * @param random from 0 to below 1; spreads runs that failed together over 0.5 to 1.5 times the delay
 */
export function failedRun(
  { consumer, seq, subject, attempt, error }: RunFailure,
  nowMs: number,
  random: number,
): { readonly run: StoredRun; readonly level: LogLevel; readonly text: string } {
  const stored = { consumer, seq, subject, attempts: attempt, error: error.message, failedAtMs: nowMs };
  const what = `${consumer}: seq ${seq} failed, attempt ${attempt} of ${RUN_ATTEMPTS_MAX}`;
  if (error.isFinal || attempt >= RUN_ATTEMPTS_MAX) {
    const retry = `to retry it, run ${IRISX} handlers retry ${seq}`;
    const text = `${what}, no more retries: ${error.message}; ${retry}`;
    return { run: { ...stored, nextAtMs: null }, level: 'error', text };
  }
  const delayMs = Math.min(RUN_RETRY_FIRST_MS * 2 ** (attempt - 1), RUN_RETRY_LAST_MS);
  const askedMs = Math.min(error.retryAfterMs, RUN_RETRY_LAST_MS);
  const waitMs = Math.max(Math.round(delayMs * (0.5 + random)), askedMs);
  return {
    run: { ...stored, nextAtMs: nowMs + waitMs },
    level: 'warn',
    text: `${what}, retried in ${(waitMs / 1000).toFixed(1)} s: ${error.message}`,
  };
}
