/** Measures how late the main thread's timers fire. An answer that is ready at that moment is delayed as much. */

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { EVENT_LOOP_LOOK_MS, EVENT_LOOP_WINDOW_MS } from '../limits.ts';

const NS_PER_S = 1e9;

/** Over the last one to two EVENT_LOOP_WINDOW_MS. */
export interface EventLoopDelay {
  readonly p50S: number;
  readonly p99S: number;
  readonly maxS: number;
}

/** Covers two windows, so that an old stall does not hide a current one. Call `close` at the end. */
export function watchEventLoop() {
  let present = startHistogram();
  let before: IntervalHistogram | undefined;
  const turn = setInterval(() => {
    present.disable();
    before = present;
    present = startHistogram();
  }, EVENT_LOOP_WINDOW_MS).unref();

  /** The histogram measures the time between two samples, so the interval itself is subtracted. */
  const worst = (read: (histogram: IntervalHistogram) => number) => {
    const ns = [present, before].map((each) => (each === undefined || each.count === 0 ? 0 : read(each)));
    return Math.max(0, Math.max(...ns) / NS_PER_S - EVENT_LOOP_LOOK_MS / 1000);
  };
  return {
    read: (): EventLoopDelay => ({
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

function startHistogram(): IntervalHistogram {
  const histogram = monitorEventLoopDelay({ resolution: EVENT_LOOP_LOOK_MS });
  histogram.enable();
  return histogram;
}
