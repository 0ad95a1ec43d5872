/** Holds a user's handlers back until the tables reflect their event, so that a query never shows them stale rows. */

import type { ProgressOptions } from './progress.ts';

export class TableGate {
  readonly #options: ProgressOptions;
  /** The last event that the tables reflect, as last read. */
  #reflected = 0;
  #isWaiting = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  /** Whether an event was held back, and none has been let through since. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** Whether an event must wait. Logs when the waiting begins and ends. */
  async mustWait(seq: number): Promise<boolean> {
    const { consumer, reader, tools } = this.#options;
    if (seq <= this.#reflected) return false;
    this.#reflected = await reader.reflectedSeq();
    const mustWait = seq > this.#reflected;
    if (mustWait === this.#isWaiting) return mustWait;
    this.#isWaiting = mustWait;
    const text = mustWait
      ? `events from seq ${seq} on are waiting for the tables, which reflect the log up to seq ${this.#reflected}`
      : `the tables now reflect seq ${seq}: the waiting events run`;
    tools.log(mustWait ? 'warn' : 'info', `${consumer.name}: ${text}`);
    return mustWait;
  }
}
