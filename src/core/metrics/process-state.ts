/** The state of one process at a moment, for metrics and dashboard. Plain fields, which a thread can receive. */

import type { StorageState } from '../writer/writer.ts';
import type { HistogramCounts } from './counters.ts';

export interface ProcessState {
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly uptimeS: number;
  readonly isDraining: boolean;
  readonly storage: StorageState;
  /** Projections whose table lacks events. */
  readonly lagging: readonly string[];
  /** The last recorded event that this process knows of. */
  readonly headSeq: number;
  /** Answers since the start by code, and other occurrences (such as a refused connection). */
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
  /** The type's canonical name, or `other`. */
  readonly type: string;
  /** The code of the answer. */
  readonly answer: string;
  readonly count: number;
}

/** Over the last one to two minutes. */
export interface EventLoopDelay {
  readonly p50S: number;
  readonly p99S: number;
  readonly maxS: number;
}

/** The position of a consumer that runs in this process. */
export interface ConsumerPosition {
  readonly name: string;
  readonly settledSeq: number;
}
