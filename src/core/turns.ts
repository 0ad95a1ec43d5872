/** Runs asynchronous work strictly one after another, so that no two pieces of it change the same state at once. */
export class Turns {
  readonly #onFault: (error: unknown) => void;
  #last: Promise<void> = Promise.resolve();

  /** @param onFault called with what `work` throws; the next turn follows, unless `onFault` throws, which ends the thread */
  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  /** Runs `work` after all work given before. Do not await it within a turn. @returns when it has ended; never rejects */
  take(work: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(work).catch(this.#onFault);
    return this.#last;
  }
}
