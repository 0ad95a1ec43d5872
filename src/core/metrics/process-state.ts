/** The state of one process at a moment, for metrics and pages. Plain fields, which a thread can receive. */

import type { StorageState } from '../writer/writer.ts';
import type { Counters } from './counters.ts';
import type { EventLoopDelay } from './event-loop-delay.ts';

export interface ProcessState extends ReturnType<Counters['read']> {
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly uptimeS: number;
  readonly isDraining: boolean;
  readonly storage: StorageState;
  /** Projections whose table lacks events. */
  readonly lagging: readonly string[];
  /** The last recorded event that this process knows of. */
  readonly headSeq: number;
  /** Deliveries that wait for a batch or are in one. */
  readonly queued: number;
  readonly eventLoopDelay: EventLoopDelay;
  readonly consumers: readonly ConsumerPosition[];
}

/** The position of a consumer that runs in this process. */
export interface ConsumerPosition {
  readonly name: string;
  readonly seq: number;
}
