/** The stored runs of one consumer that are due, and the timer for the next one. */

import type { RunStore, StoredRun } from '../engine/run-store.ts';
import { HANDLER_READ_EVENTS_MAX, RUN_RETRY_LAST_MS } from '../limits.ts';

export interface DueRunsOptions {
  readonly consumer: string;
  readonly store: RunStore;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** Called when stored runs may be due. Call `lookAgain` then: the timer may have fired slightly early. */
  readonly onTime: () => void;
}

export class DueRuns {
  readonly #options: DueRunsOptions;
  #due: StoredRun[] = [];
  /** When to read the stored runs again. */
  #lookAtMs = Number.NEGATIVE_INFINITY;
  #isNone = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DueRunsOptions) {
    this.#options = options;
  }

  /** The next run to try. */
  get first(): StoredRun | undefined {
    return this.#due[0];
  }

  /** Removes the first. */
  take(): void {
    this.#due.shift();
  }

  /** Whether all stored runs are dead. */
  get isNone(): boolean {
    return this.#isNone;
  }

  /** Whether there may be due runs. Write what has ended before `look`, or it is found again. */
  get isTimeToLook(): boolean {
    return this.#due.length === 0 && this.#options.now() >= this.#lookAtMs;
  }

  /**
   * Reads the due runs that can start. If there are none, waits for the next one.
   * @param busy how many may be due and cannot start
   */
  async look(busy: number, canStart: (run: StoredRun) => boolean): Promise<void> {
    const { store, consumer, now } = this.#options;
    const nowMs = now();
    const due = await store.due(consumer, nowMs, HANDLER_READ_EVENTS_MAX + busy);
    this.#due = due.filter(canStart);
    if (this.#due.length > 0) return;
    this.#lookAtMs = Number.POSITIVE_INFINITY;
    const nextAtMs = await store.nextAtMs(consumer, nowMs);
    this.#isNone = due.length === 0 && nextAtMs === undefined;
    if (nextAtMs !== undefined) this.expect(nextAtMs);
  }

  /** Expects a run to be due at that time. */
  expect(atMs: number): void {
    this.#isNone = false;
    if (atMs >= this.#lookAtMs) return;
    this.#lookAtMs = atMs;
    clearTimeout(this.#timer);
    const waitMs = Math.max(0, atMs - this.#options.now());
    this.#timer = setTimeout(this.#options.onTime, Math.min(waitMs, RUN_RETRY_LAST_MS));
  }

  /** More runs may be due: they are looked for after those that were found already. */
  lookAgain(): void {
    this.#isNone = false;
    this.#lookAtMs = Number.NEGATIVE_INFINITY;
  }

  /** A person has changed the stored runs: nothing that was found counts. */
  reset(): void {
    this.#due = [];
    this.lookAgain();
  }

  /** Stops the timer, and sets no other. */
  close(): void {
    this.lookAgain();
    clearTimeout(this.#timer);
  }
}
