/** Measures how late the main thread's timers fire. An answer that is ready at that moment is delayed as much. */

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { EVENT_LOOP_LOOK_MS, EVENT_LOOP_WINDOW_MS } from '../limits.ts';
import type { EventLoopDelay } from './process-state.ts';

export interface EventLoopWatch {
  read(): EventLoopDelay;
  close(): void;
}

const NS_PER_S = 1e9;

/** Covers the last one to two EVENT_LOOP_WINDOW_MS, so that an old stall does not hide a current one. */
export function watchEventLoop(): EventLoopWatch {
  const start = (): IntervalHistogram => {
    const histogram = monitorEventLoopDelay({ resolution: EVENT_LOOP_LOOK_MS });
    histogram.enable();
    return histogram;
  };
  let present = start();
  let before: IntervalHistogram | undefined;
  const turn = setInterval(() => {
    present.disable();
    before = present;
    present = start();
  }, EVENT_LOOP_WINDOW_MS);
  turn.unref();

  /** The histogram measures the time between two samples, so the interval itself is subtracted. */
  const late = (ns: number) => Math.max(0, ns / NS_PER_S - EVENT_LOOP_LOOK_MS / 1000);
  const worst = (of: (histogram: IntervalHistogram) => number) =>
    late(Math.max(...[present, before].map((one) => (one === undefined || one.count === 0 ? 0 : of(one)))));
  return {
    read: () => ({
      p50S: worst((histogram) => histogram.percentile(50)),
      p99S: worst((histogram) => histogram.percentile(99)),
      maxS: worst((histogram) => histogram.max),
    }),
    close() {
      clearInterval(turn);
      present.disable();
    },
  };
}
