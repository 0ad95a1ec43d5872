/** Deliveries that wait for a batch. Their number is limited; their bytes are, with all bodies, where they are read. */

import type { Delivery, Outcome } from '../event/delivery.ts';
import { BATCH_BYTES_MAX, QUEUE_DELIVERIES_MAX } from '../limits.ts';

export interface Waiting {
  readonly delivery: Delivery;
  readonly resolve: (outcome: Outcome) => void;
}

export class DeliveryQueue {
  #waiting: Waiting[] = [];

  get length(): number {
    return this.#waiting.length;
  }

  get isFull(): boolean {
    return this.#waiting.length >= QUEUE_DELIVERIES_MAX;
  }

  add(waiting: Waiting): void {
    this.#waiting.push(waiting);
  }

  /** Removes and returns the first ones: at most `most`, and at most BATCH_BYTES_MAX of bodies or one larger body. */
  takeBatch(most: number): Waiting[] {
    let count = 0;
    let bytes = 0;
    for (const { delivery } of this.#waiting) {
      const more = bytes + delivery.body.byteLength;
      if (count === most || (count > 0 && more > BATCH_BYTES_MAX)) break;
      count++;
      bytes = more;
    }
    return this.#waiting.splice(0, count);
  }

  takeAll(): Waiting[] {
    const all = this.#waiting;
    this.#waiting = [];
    return all;
  }
}
