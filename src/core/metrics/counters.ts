/** What this process has counted and measured since its start. The metrics and the last log line both read it. */

import { tabledType } from '../event/event-types.ts';
import type { DeliveryCount } from './process-state.ts';

/** How many measured values were at or below each bound. */
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

export interface Counters {
  /** Adds one to `name`. */
  add(name: string): void;
  /** Returns a copy of all counts. */
  read(): Record<string, number>;
  addStatus(status: number): void;
  readStatuses(): Record<string, number>;
  /** Counts a verified delivery. @param type as sent @param answer its code */
  addDelivery(type: string | null, answer: string): void;
  readDeliveries(): DeliveryCount[];
  readonly batchDeliveries: Histogram;
  readonly commitSeconds: Histogram;
}

/** Up to BATCH_DELIVERIES_MAX. */
const BATCH_BOUNDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/** From the fsync time of a fast disk up to half of the sender's timeout. */
const COMMIT_BOUNDS_S = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export function createCounters(): Counters {
  const counts = new Map<string, number>();
  const statuses = new Map<number, number>();
  const deliveries = new Map<string, Map<string, number>>();
  return {
    add: (name) => addTo(counts, name),
    read: () => Object.fromEntries(counts),
    addStatus: (status) => addTo(statuses, status),
    readStatuses: () => Object.fromEntries(statuses),
    addDelivery(type, answer) {
      // A sender must not be able to create new metric series by inventing type names.
      const name = (type === null ? undefined : tabledType(type)) ?? 'other';
      let ofType = deliveries.get(name);
      if (ofType === undefined) {
        ofType = new Map();
        deliveries.set(name, ofType);
      }
      addTo(ofType, answer);
    },
    readDeliveries: () =>
      [...deliveries].flatMap(([type, answers]) =>
        [...answers].map(([answer, count]) => ({ type, answer, count })),
      ),
    batchDeliveries: createHistogram(BATCH_BOUNDS),
    commitSeconds: createHistogram(COMMIT_BOUNDS_S),
  };
}

function addTo<K>(counts: Map<K, number>, name: K): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** @param bounds upper bounds, ascending */
function createHistogram(bounds: readonly number[]): Histogram {
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
