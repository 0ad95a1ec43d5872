/** Sends deliveries: a fixed number at once, or a fixed number per second however long the answers take. */

import { setTimeout as wait } from 'node:timers/promises';
import type { Delivery } from './post.ts';

export interface SendOptions {
  /** Deliveries in flight at once, unless there is a rate. */
  readonly concurrency: number;
  /** Deliveries per second; undefined: as fast as answers arrive. */
  readonly rate: number | undefined;
  /**
   * @param dueMs monotonic; measured from here, waiting for a connection counts
   * @returns whether to continue
   */
  readonly send: (delivery: Delivery, dueMs: number) => Promise<boolean>;
}

/**
 * Resolves when every delivery that was sent has been answered or has timed out.
 * @returns false if `send` ended it
 */
export async function sendAll(
  deliveries: Iterable<Delivery>,
  { concurrency, rate, send }: SendOptions,
): Promise<boolean> {
  let goesOn = true;
  const sendOne = async (delivery: Delivery, dueMs: number) => {
    goesOn = (await send(delivery, dueMs)) && goesOn;
  };
  if (rate === undefined) {
    const queue = deliveries[Symbol.iterator]();
    const lane = async () => {
      for (let next = queue.next(); goesOn && next.done !== true; next = queue.next())
        await sendOne(next.value, performance.now());
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
    return goesOn;
  }
  const inFlight: Promise<void>[] = [];
  const startedMs = performance.now();
  for (const delivery of deliveries) {
    const dueMs = startedMs + (inFlight.length * 1000) / rate;
    const early = dueMs - performance.now();
    if (early > 0) await wait(early);
    if (!goesOn) break;
    inFlight.push(sendOne(delivery, dueMs));
  }
  await Promise.all(inFlight);
  return goesOn;
}
