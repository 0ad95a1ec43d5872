/** The unfinished events of one consumer that are due, and the timer for the next one. */

import type { UnfinishedEvent } from '../engine/run-store.ts';
import { HANDLER_READ_EVENTS_MAX, RUN_RETRY_LAST_MS } from '../limits.ts';
import type { Lanes } from './lanes.ts';
import type { ProgressOptions } from './progress.ts';

export class DueEvents {
  readonly #options: ProgressOptions;
  readonly #onTime: () => void;
  #due: UnfinishedEvent[] = [];
  /** When to read them again. */
  #pollAtMs = Number.NEGATIVE_INFINITY;
  #isNone = false;
  #hasSkipped = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param onTime called when events may be due */
  constructor(options: ProgressOptions, onTime: () => void) {
    this.#options = options;
    this.#onTime = onTime;
  }

  /** The next event to retry. */
  get first(): UnfinishedEvent | undefined {
    return this.#due[0];
  }

  /** Removes the first. */
  take(): void {
    this.#due.shift();
  }

  /** Whether all unfinished events are dead. */
  get isNone(): boolean {
    return this.#isNone;
  }

  /** Whether a due event could not start because of a run of its subject: call `pollAgain` when a run ends. */
  get hasSkipped(): boolean {
    return this.#hasSkipped;
  }

  /** Whether events may be due. Write what is done before `poll`, or it is found again. */
  get mustPoll(): boolean {
    return this.#due.length === 0 && this.#options.now() >= this.#pollAtMs;
  }

  /** Reads the due events that can start. If there are none, waits for the next one. */
  async poll(lanes: Lanes): Promise<void> {
    const { store, consumer, now } = this.#options;
    const nowMs = now();
    const due = await store.due(consumer.name, nowMs, HANDLER_READ_EVENTS_MAX + lanes.runCount);
    const running = new Set(lanes.runs.map(({ seq }) => seq));
    const others = due.filter(({ seq }) => !running.has(seq));
    this.#due = others.filter((event) => lanes.isFree(event));
    this.#hasSkipped = this.#due.length < others.length;
    if (this.#due.length > 0) return;
    this.#pollAtMs = Number.POSITIVE_INFINITY;
    const nextAtMs = await store.nextAtMs(consumer.name, nowMs);
    this.#isNone = due.length === 0 && nextAtMs === undefined;
    if (nextAtMs !== undefined) this.expect(nextAtMs);
  }

  /** Expects an event to be due at that time. */
  expect(atMs: number): void {
    this.#isNone = false;
    if (atMs >= this.#pollAtMs) return;
    this.#pollAtMs = atMs;
    clearTimeout(this.#timer);
    const waitMs = Math.max(0, atMs - this.#options.now());
    const onTime = () => {
      this.pollAgain(); // even if the timer has fired slightly early
      this.#onTime();
    };
    this.#timer = setTimeout(onTime, Math.min(waitMs, RUN_RETRY_LAST_MS));
  }

  /** More events may be due: they are read after those that were found already. */
  pollAgain(): void {
    this.#isNone = false;
    this.#pollAtMs = Number.NEGATIVE_INFINITY;
  }

  /** A person has changed the unfinished events: nothing that was found counts. */
  reset(): void {
    this.#due = [];
    this.pollAgain();
  }

  /** Stops the timer, and sets no other. */
  close(): void {
    this.pollAgain();
    clearTimeout(this.#timer);
  }
}
