/** The failed runs of one consumer whose time has come, and the timer for the next. */

import { HANDLER_READ_EVENTS_MAX, RUN_RETRY_LAST_MS } from './limits.ts';
import type { FailedRun, RunStore } from './run-store.ts';

export interface DueRunsOptions {
  readonly consumer: string;
  readonly store: RunStore;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** It is time to look. */
  readonly onTime: () => void;
}

export class DueRuns {
  readonly #options: DueRunsOptions;
  #due: FailedRun[] = [];
  /** When to look at the state file for the next. */
  #lookAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DueRunsOptions) {
    this.#options = options;
  }

  /** The next to be tried; one that is to run alone comes first. */
  get first(): FailedRun | undefined {
    return this.#due[0];
  }

  take(): FailedRun | undefined {
    return this.#due.shift();
  }

  /** Whether the state file may have some that are due. What has ended must be in it before `look`, or it is found again. */
  get isTimeToLook(): boolean {
    return this.#due.length === 0 && this.#options.now() >= this.#lookAtMs;
  }

  /** Reads those that are due, but for what is under way, by seq; if there are none, waits for the next. */
  look(underWay: ReadonlyMap<number, unknown>): void {
    const { store, consumer, now } = this.#options;
    const nowMs = now();
    // Those under way are still due in the file: they must not take the places of the others.
    this.#due = store
      .due(consumer, nowMs, HANDLER_READ_EVENTS_MAX + underWay.size)
      .filter(({ seq }) => !underWay.has(seq))
      .sort((one, other) => Number(other.isAlone) - Number(one.isAlone));
    if (this.#due.length > 0) return;
    this.#lookAtMs = Number.POSITIVE_INFINITY;
    const nextAtMs = store.nextAtMs(consumer, nowMs);
    if (nextAtMs !== undefined) this.expect(nextAtMs);
  }

  /** One will be due then. */
  expect(atMs: number): void {
    if (atMs >= this.#lookAtMs) return;
    this.#lookAtMs = atMs;
    clearTimeout(this.#timer);
    const waitMs = Math.max(0, atMs - this.#options.now());
    const look = () => {
      this.lookAgain(); // a timer may be a little early
      this.#options.onTime();
    };
    this.#timer = setTimeout(look, Math.min(waitMs, RUN_RETRY_LAST_MS));
  }

  /** The state file has changed, or the time has come: what was read before no longer counts. */
  lookAgain(): void {
    this.#due = [];
    this.#lookAtMs = Number.NEGATIVE_INFINITY;
  }

  /** No timer rings any more. */
  close(): void {
    this.#lookAtMs = Number.NEGATIVE_INFINITY;
    clearTimeout(this.#timer);
  }
}
