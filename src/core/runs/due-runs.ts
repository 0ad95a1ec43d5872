/** The failed runs of one consumer that are due, and the timer for the next one. */

import type { FailedRun, RunStore } from '../engine/run-store.ts';
import { HANDLER_READ_EVENTS_MAX, RUN_RETRY_LAST_MS } from '../limits.ts';

export interface DueRunsOptions {
  readonly consumer: string;
  readonly store: RunStore;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** Called when failed runs may be due. Call `lookAgain` then: the timer may have fired slightly early. */
  readonly onTime: () => void;
}

export class DueRuns {
  readonly #options: DueRunsOptions;
  #due: FailedRun[] = [];
  /** When to read the stored state again. */
  #lookAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DueRunsOptions) {
    this.#options = options;
  }

  /** The next run to retry; runs that must run alone come first. */
  get first(): FailedRun | undefined {
    return this.#due[0];
  }

  /** Removes the first. */
  take(): void {
    this.#due.shift();
  }

  /** Whether the stored state may have due runs. Write ended runs to it before `look`, or they are found again. */
  get isTimeToLook(): boolean {
    return this.#due.length === 0 && this.#options.now() >= this.#lookAtMs;
  }

  /** Reads the due runs, in order of seq, except those in progress. If there are none, waits for the next one. */
  async look(underWay: ReadonlyMap<number, unknown>): Promise<void> {
    const { store, consumer, now } = this.#options;
    const nowMs = now();
    // Runs in progress are still stored as due: they must not use up the limit.
    const due = await store.due(consumer, nowMs, HANDLER_READ_EVENTS_MAX + underWay.size);
    this.#due = due
      .filter(({ seq }) => !underWay.has(seq))
      .sort((one, other) => Number(other.isAlone) - Number(one.isAlone));
    if (this.#due.length > 0) return;
    this.#lookAtMs = Number.POSITIVE_INFINITY;
    const nextAtMs = await store.nextAtMs(consumer, nowMs);
    if (nextAtMs !== undefined) this.expect(nextAtMs);
  }

  /** Expects a run to be due at that time. */
  expect(atMs: number): void {
    if (atMs >= this.#lookAtMs) return;
    this.#lookAtMs = atMs;
    clearTimeout(this.#timer);
    const waitMs = Math.max(0, atMs - this.#options.now());
    this.#timer = setTimeout(this.#options.onTime, Math.min(waitMs, RUN_RETRY_LAST_MS));
  }

  /** The stored state has changed or a run is due: it must be read again. */
  lookAgain(): void {
    this.#due = [];
    this.#lookAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Stops the timer. */
  close(): void {
    this.#lookAtMs = Number.NEGATIVE_INFINITY;
    clearTimeout(this.#timer);
  }
}
