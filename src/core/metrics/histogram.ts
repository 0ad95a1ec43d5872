/** Counts how many measured values were at or below each bound, since the start. */

export interface HistogramCounts {
  /** Upper bounds, ascending. Values above the last one are counted only in `count` and `sum`. */
  readonly bounds: readonly number[];
  /** Cumulative: the number of values at or below each bound. */
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
}

export interface Histogram {
  observe(value: number): void;
  read(): HistogramCounts;
}

/** @param bounds upper bounds, ascending */
export function createHistogram(bounds: readonly number[]): Histogram {
  const within = bounds.map(() => 0);
  let count = 0;
  let sum = 0;
  return {
    observe(value) {
      const index = bounds.findIndex((bound) => value <= bound);
      if (index !== -1) within[index] = (within[index] ?? 0) + 1;
      count += 1;
      sum += value;
    },
    read() {
      let below = 0;
      const counts = within.map((own) => {
        below += own;
        return below;
      });
      return { bounds, counts, count, sum };
    },
  };
}
