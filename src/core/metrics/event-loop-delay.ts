/** Measures how late the main thread's timers fire. An answer that is ready at that moment is delayed as much. */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { EVENT_LOOP_SAMPLE_MS, EVENT_LOOP_WINDOW_MS } from '../limits.ts';

/** Over the last one to two EVENT_LOOP_WINDOW_MS, so that an old stall does not hide a current one. */
export interface EventLoopDelay {
  readonly p50S: number;
  readonly p99S: number;
  readonly maxS: number;
}

/** Call `close` at the end. */
export function watchEventLoop() {
  const histogram = monitorEventLoopDelay({ resolution: EVENT_LOOP_SAMPLE_MS });
  histogram.enable();
  /** It measures the time between two samples, so the interval itself is subtracted. */
  const seconds = (ns: number) => Math.max(0, ns / 1e9 - EVENT_LOOP_SAMPLE_MS / 1000);
  const thisWindow = (): EventLoopDelay => ({
    p50S: seconds(histogram.percentile(50)),
    p99S: seconds(histogram.percentile(99)),
    maxS: seconds(histogram.max),
  });
  let lastWindow: EventLoopDelay = { p50S: 0, p99S: 0, maxS: 0 };
  const windows = setInterval(() => {
    lastWindow = thisWindow();
    histogram.reset();
  }, EVENT_LOOP_WINDOW_MS).unref();

  return {
    read(): EventLoopDelay {
      const { p50S, p99S, maxS } = thisWindow();
      return {
        p50S: Math.max(p50S, lastWindow.p50S),
        p99S: Math.max(p99S, lastWindow.p99S),
        maxS: Math.max(maxS, lastWindow.maxS),
      };
    },
    close() {
      clearInterval(windows);
      histogram.disable();
    },
  };
}
