/** Turns a run's failure into its stored state (when it is retried, if at all) and its log line. */

import type { FailedRun } from '../engine/run-store.ts';
import { RUN_ATTEMPTS_MAX, RUN_RETRY_LAST_MS } from '../limits.ts';
import type { LogLevel } from '../logger.ts';
import { IRISX } from '../packaging.ts';
import { retryDelayMs } from './backoff.ts';
import type { RunFailed } from './consumer.ts';

export interface RunFailure {
  readonly consumer: string;
  readonly seq: number;
  /** From 1. */
  readonly attempt: number;
  readonly isAlone: boolean;
  readonly error: RunFailed;
}

/** @param nowMs wall clock, milliseconds @param random from 0 to below 1: spreads retries */
export function failedRun(
  { consumer, seq, attempt, isAlone, error }: RunFailure,
  nowMs: number,
  random: number,
): { readonly run: FailedRun; readonly level: LogLevel; readonly text: string } {
  const waitMs = waitOf(error, attempt, random);
  const what = `${consumer}: seq ${seq} failed, attempt ${attempt} of ${RUN_ATTEMPTS_MAX}`;
  const nextAtMs = waitMs === undefined ? null : nowMs + waitMs;
  return {
    run: { consumer, seq, attempts: attempt, error: error.message, failedAtMs: nowMs, nextAtMs, isAlone },
    level: waitMs === undefined ? 'error' : 'warn',
    text:
      waitMs === undefined
        ? `${what}, no more retries: ${error.message}; to retry it, run ${IRISX} handlers retry ${seq}`
        : `${what}, retried in ${(waitMs / 1000).toFixed(1)} s: ${error.message}`,
  };
}

/** A run that was in progress, with others, when its thread died: due at once, and to be run alone. */
export function suspectedRun(
  consumer: string,
  seq: number,
  attempts: number,
  reason: string,
  nowMs: number,
): FailedRun {
  const error = `in progress when ${reason}`;
  return { consumer, seq, attempts, error, failedAtMs: nowMs, nextAtMs: nowMs, isAlone: true };
}

/** Undefined if it is not retried. */
function waitOf({ isFinal, retryAfterMs }: RunFailed, attempt: number, random: number): number | undefined {
  const delayMs = isFinal ? undefined : retryDelayMs(attempt, random);
  return delayMs === undefined ? undefined : Math.max(delayMs, Math.min(retryAfterMs, RUN_RETRY_LAST_MS));
}
