/**
 * The events with a run in progress when the thread died. Each counts as failed, whichever of them was the cause. Until
 * each has ended again, only one run may be in progress, and its result is written before the next one starts.
 */

import { RunFailed } from './consumer.ts';
import type { Death } from './handlers-messages.ts';
import { readEvent } from './next-events.ts';
import type { Progress, ProgressOptions } from './progress.ts';

export class Suspects {
  readonly #options: ProgressOptions;
  readonly #seqs = new Set<number>();
  #isOneAtATime = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  /** Also after a death without a known cause, until the first run has ended. */
  get isOneAtATime(): boolean {
    return this.#isOneAtATime;
  }

  /** Notes the failures. */
  async add({ seqs, reason }: Death, progress: Progress): Promise<void> {
    const { consumer, reader } = this.#options;
    this.#isOneAtATime = true;
    if (!consumer.runsUserCode) return;
    for (const seq of seqs) {
      const [event] = await reader.forHandlers(seq - 1, 1);
      if (event?.seq !== seq) continue; // the log was restored to an earlier state
      const stored = await this.#stored(seq);
      const { subject } = stored ?? readEvent(event, false);
      const attempt = (stored?.attempts ?? 0) + 1;
      const { nextAtMs } = progress.noteFailure({ seq, subject, attempt }, new RunFailed(reason));
      if (nextAtMs !== null) this.#seqs.add(seq);
    }
  }

  /** A person may have taken care of some. */
  async reload(): Promise<void> {
    for (const seq of this.#seqs)
      if (((await this.#stored(seq))?.nextAtMs ?? null) === null) this.#seqs.delete(seq);
  }

  async #stored(seq: number) {
    const { consumer, store } = this.#options;
    const [found] = await store.unfinishedAfter(consumer.name, seq - 1, 1);
    return found?.seq === seq ? found : undefined;
  }

  /** The run of this event has ended. */
  delete(seq: number): void {
    this.#seqs.delete(seq);
  }

  /** The result of a run has been written. */
  noteWritten(): void {
    this.#isOneAtATime = this.#seqs.size > 0;
  }
}
