/** What this process has counted and measured since its start. The metrics and the last log line both read it. */

import { tabledType } from '../event/event-types.ts';

/** How many measured values were at or below each bound. */
export interface HistogramCounts {
  /** Upper bounds, ascending. Values above the last one are counted only in `count` and `sum`. */
  readonly bounds: readonly number[];
  /** Cumulative: the number of values at or below each bound. */
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
}

export type Counters = ReturnType<typeof createCounters>;

/** Up to BATCH_DELIVERIES_MAX. */
const BATCH_BOUNDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/** From the fsync time of a fast disk up to half of the sender's timeout. */
const COMMIT_BOUNDS_S = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export function createCounters() {
  const counts = new Map<string, number>();
  const statuses = new Map<number, number>();
  /** By type and answer, with a space between. */
  const deliveries = new Map<string, number>();
  const batchDeliveries = createHistogram(BATCH_BOUNDS);
  const commitSeconds = createHistogram(COMMIT_BOUNDS_S);
  return {
    /** Adds one to `name`. */
    add: (name: string) => addTo(counts, name),

    /** Counts an answer. @param answer has the event's type as sent if a delivery is in the log */
    addAnswer({ code, status, type }: { code: string; status: number; type?: string | null }): void {
      addTo(counts, code);
      addTo(statuses, status);
      if (type === undefined) return;
      // A sender must not be able to create new metric series by inventing type names.
      const name = type === null ? undefined : tabledType(type);
      addTo(deliveries, `${name ?? 'other'} ${code}`);
    },

    /** Counts a transaction. @param size how many deliveries of it are in the log @param ms its duration */
    addBatch(size: number, ms: number): void {
      batchDeliveries.observe(size);
      commitSeconds.observe(ms / 1000);
    },

    /** Everything so far: plain fields, which a thread can receive. */
    read: () => ({
      /** Answers by code, and other occurrences (such as a refused connection). */
      counts: Object.fromEntries(counts),
      /** Answers by HTTP status. */
      statuses: Object.fromEntries(statuses),
      /** Answers to verified deliveries, by the type's canonical name, or `other`, and the code of the answer; sorted. */
      deliveries: [...deliveries.keys()].toSorted().map((key) => {
        const [type = '', answer = ''] = key.split(' ');
        return { type, answer, count: deliveries.get(key) ?? 0 };
      }),
      batchDeliveries: batchDeliveries.read(),
      commitSeconds: commitSeconds.read(),
    }),
  };
}

function addTo<K>(counts: Map<K, number>, name: K): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** @param bounds upper bounds, ascending */
function createHistogram(bounds: readonly number[]) {
  const counts = bounds.map(() => 0);
  let count = 0;
  let sum = 0;
  return {
    observe(value: number): void {
      for (const [index, bound] of bounds.entries())
        if (value <= bound) counts[index] = (counts[index] ?? 0) + 1;
      count += 1;
      sum += value;
    },
    read: (): HistogramCounts => ({ bounds, counts: [...counts], count, sum }),
  };
}
