/** Sends deliveries: so many at once, or so many a second whatever the answers take. */

import { setTimeout as wait } from 'node:timers/promises';
import type { Answer, Delivery, Poster } from './post.ts';

export interface SendOptions {
  readonly poster: Poster;
  /** Deliveries under way at once; with a rate, connections. */
  readonly concurrency: number;
  /** Deliveries a second; undefined: as fast as answers come. */
  readonly rate: number | undefined;
  readonly onStart: (delivery: Delivery) => void;
  /**
   * @param tookMs from when it was due, so that waiting for a connection counts
   * @returns whether to go on
   */
  readonly onAnswer: (delivery: Delivery, answer: Answer, tookMs: number) => boolean;
}

/** @returns when every delivery that was sent has its answer, or none in time */
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
