/** Deliveries that wait for a batch. The queue is bounded in number and in bytes, so a burst cannot exhaust memory. */

import type { Delivery, Outcome } from '../event/delivery.ts';
import { BATCH_BYTES_MAX, QUEUE_BYTES_MAX, QUEUE_DELIVERIES_MAX } from '../limits.ts';

export interface Waiting {
  readonly delivery: Delivery;
  readonly resolve: (outcome: Outcome) => void;
}

export class DeliveryQueue {
  #waiting: Waiting[] = [];
  #bytes = 0;

  get length(): number {
    return this.#waiting.length;
  }

  hasRoomFor(delivery: Delivery): boolean {
    return (
      this.#waiting.length < QUEUE_DELIVERIES_MAX && this.#bytes + delivery.body.byteLength <= QUEUE_BYTES_MAX
    );
  }

  add(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#bytes += waiting.delivery.body.byteLength;
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
    this.#bytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  takeAll(): Waiting[] {
    const all = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    return all;
  }
}
