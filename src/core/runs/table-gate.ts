/** Holds a user's handlers back until the tables reflect their event, so that a query never shows them stale rows. */

import type { Reader } from '../engine/reader.ts';
import type { LogLevel } from '../logger.ts';

export interface TableGateOptions {
  /** The consumer's name, for the log. */
  readonly consumer: string;
  readonly reader: Reader;
  readonly tell: (level: LogLevel, text: string) => void;
}

export class TableGate {
  readonly #options: TableGateOptions;
  /** The last event that the tables reflect, as last read. */
  #reflected = 0;
  #isWaiting = false;

  constructor(options: TableGateOptions) {
    this.#options = options;
  }

  /** Whether an event was held back, and none has been let through since. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** Whether an event must wait. Logs when the waiting begins and ends. */
  async mustWait(seq: number): Promise<boolean> {
    if (seq <= this.#reflected) return false;
    this.#reflected = await this.#options.reader.reflectedSeq();
    const mustWait = seq > this.#reflected;
    if (mustWait === this.#isWaiting) return mustWait;
    this.#isWaiting = mustWait;
    const text = mustWait
      ? `events from seq ${seq} on are waiting for the tables, which reflect the log up to seq ${this.#reflected}`
      : `the tables now reflect seq ${seq}: the waiting events run`;
    this.#options.tell(mustWait ? 'warn' : 'info', `${this.#options.consumer}: ${text}`);
    return mustWait;
  }
}
