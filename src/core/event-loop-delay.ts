/** How late the main thread's timers are: an answer that is due then is as late. */

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { EVENT_LOOP_LOOK_MS, EVENT_LOOP_WINDOW_MS } from './limits.ts';
import type { EventLoopDelay } from './snapshot.ts';

export interface EventLoopWatch {
  read(): EventLoopDelay;
  close(): void;
}

const NS_PER_S = 1e9;

/** Of the last EVENT_LOOP_WINDOW_MS or a little more, so that an hour-old stall does not hide today's. */
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

  /** The histogram counts the time between two looks. */
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
