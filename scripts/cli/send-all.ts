/** Sends deliveries: a fixed number at once, or a fixed number per second however long the answers take. */

import { setTimeout as wait } from 'node:timers/promises';
import type { Answer, Delivery, Poster } from './post.ts';

export interface SendOptions {
  readonly poster: Poster;
  /** Deliveries in flight at once; with a rate, the number of connections. */
  readonly concurrency: number;
  /** Deliveries per second; undefined: as fast as answers arrive. */
  readonly rate: number | undefined;
  readonly onStart: (delivery: Delivery) => void;
  /**
   * @param tookMs measured from when the delivery was due, so that waiting for a connection counts
   * @returns whether to continue
   */
  readonly onAnswer: (delivery: Delivery, answer: Answer, tookMs: number) => boolean;
}

/** Resolves when every delivery that was sent has been answered or has timed out. */
export async function sendAll(deliveries: Iterable<Delivery>, options: SendOptions): Promise<void> {
  const { poster, concurrency, rate, onStart, onAnswer } = options;
  let goesOn = true;
  const send = async (delivery: Delivery, dueMs: number) => {
    onStart(delivery);
    const answer = await poster.post(delivery);
    goesOn = onAnswer(delivery, answer, performance.now() - dueMs) && goesOn;
  };

  if (rate !== undefined) {
    const underWay: Promise<void>[] = [];
    let dueMs = performance.now();
    for (const delivery of deliveries) {
      const early = dueMs - performance.now();
      if (early > 0) await wait(early);
      if (!goesOn) break;
      underWay.push(send(delivery, dueMs));
      dueMs += 1000 / rate;
    }
    await Promise.all(underWay);
    return;
  }

  const queue = deliveries[Symbol.iterator]();
  const lane = async () => {
    for (let next = queue.next(); goesOn && next.done !== true; next = queue.next())
      await send(next.value, performance.now());
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
}
