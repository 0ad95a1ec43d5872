/** What one process knows of itself at a moment: the metrics and the dashboard tell it. Plain fields, which a thread can be sent. */

import type { HistogramCounts } from './histogram.ts';
import type { StorageState } from './writer.ts';

export interface Snapshot {
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly uptimeS: number;
  readonly isDraining: boolean;
  readonly storage: StorageState;
  /** Projections whose table lacks events. */
  readonly lagging: readonly string[];
  /** The last event that this process has seen recorded. */
  readonly headSeq: number;
  /** Answers since the start by code, and what happened besides (a refused connection). */
  readonly counts: Readonly<Record<string, number>>;
  /** Answers since the start by HTTP status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Answers to verified deliveries since the start. */
  readonly deliveries: readonly DeliveryCount[];
  readonly batchDeliveries: HistogramCounts;
  readonly commitSeconds: HistogramCounts;
  /** Deliveries that wait for a batch or are in one. */
  readonly queued: number;
  readonly eventLoopDelay: EventLoopDelay;
  readonly consumers: readonly ConsumerPosition[];
}

export interface DeliveryCount {
  /** The type's one name, or `other`. */
  readonly type: string;
  /** The answer's code. */
  readonly answer: string;
  readonly count: number;
}

/** Over the last minute or so. */
export interface EventLoopDelay {
  readonly p50S: number;
  readonly p99S: number;
  readonly maxS: number;
}

/** How far a consumer that runs in this process has come. */
export interface ConsumerPosition {
  readonly name: string;
  readonly settledSeq: number;
}
