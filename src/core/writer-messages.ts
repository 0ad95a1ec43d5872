/** What crosses between the main thread and the writer thread: bytes and plain fields, never parsed values. */

import type { Delivery, Recorded } from './delivery.ts';

/** A delivery without its bytes, which travel together in one transferred buffer. */
export interface DeliveryFields extends Omit<Delivery, 'body'> {
  readonly bodyBytes: number;
}

export type ToWriter =
  | { readonly kind: 'batch'; readonly bodies: Uint8Array; readonly deliveries: readonly DeliveryFields[] }
  /** `close` will follow soon: no long waits any more. */
  | { readonly kind: 'drain' }
  | { readonly kind: 'close' };

export interface WriterHead {
  readonly seq: number;
  /** Hex. */
  readonly chain: string;
}

export type FromWriter =
  | { readonly kind: 'ready'; readonly head: WriterHead; readonly lagging: string[] }
  /** The database cannot be used; `text` is for the operator. */
  | { readonly kind: 'cannot-open'; readonly text: string }
  | { readonly kind: 'committed'; readonly outcomes: Recorded[]; readonly lagging: string[] }
  | { readonly kind: 'lagging'; readonly lagging: string[] }
  /** Rolled back; storage is busy or full, or the batch met a defect. */
  | { readonly kind: 'refused'; readonly fault: 'busy' | 'full' | 'other'; readonly text: string }
  /** A write succeeded again after storage had failed. */
  | { readonly kind: 'recovered' }
  /** The outcome of the last batch is unknown; the thread has stopped touching the file. */
  | { readonly kind: 'lost'; readonly text: string }
  | { readonly kind: 'warning'; readonly text: string }
  | { readonly kind: 'closed'; readonly head: WriterHead };

/** Packs bodies into one buffer, which can be transferred. */
export function packBatch(batch: readonly Delivery[]): ToWriter & { kind: 'batch' } {
  const bodies = new Uint8Array(batch.reduce((bytes, delivery) => bytes + delivery.body.byteLength, 0));
  let offset = 0;
  const deliveries = batch.map(({ body, ...fields }) => {
    bodies.set(body, offset);
    offset += body.byteLength;
    return { ...fields, bodyBytes: body.byteLength };
  });
  return { kind: 'batch', bodies, deliveries };
}

/** The inverse of packBatch; bodies are views into the one buffer. */
export function unpackBatch(message: ToWriter & { kind: 'batch' }): Delivery[] {
  let offset = 0;
  return message.deliveries.map(({ bodyBytes, ...fields }) => {
    const body = message.bodies.subarray(offset, offset + bodyBytes);
    offset += bodyBytes;
    return { ...fields, body };
  });
}
