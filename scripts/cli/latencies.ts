/** How long answers took: percentiles in bounded memory, however many there are. All times are in milliseconds. */

import { createHistogram } from 'node:perf_hooks';

const NS_PER_MS = 1e6;

export class Latencies {
  readonly #ns = createHistogram();
  #maxMs = 0;

  get count(): number {
    return this.#ns.count;
  }

  /** Exact, or 0 if there are none. */
  get maxMs(): number {
    return this.#maxMs;
  }

  add(ms: number): void {
    this.#ns.record(Math.max(1, Math.round(ms * NS_PER_MS)));
    this.#maxMs = Math.max(this.#maxMs, ms);
  }

  /**
   * The time that this share of the answers did not exceed, 0 < percent ≤ 100: within 0.1 %, because the histogram keeps
   * three digits, but never above the maximum. 0 if there are none.
   */
  percentileMs(percent: number): number {
    if (this.count === 0) return 0;
    const rank = Math.ceil((this.count * percent) / 100); // the histogram itself would round to the nearest one
    return Math.min(this.#ns.percentile((rank * 100) / this.count) / NS_PER_MS, this.#maxMs);
  }
}
