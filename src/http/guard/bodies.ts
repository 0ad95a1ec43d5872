/** Captures the raw bodies of requests as they stream: completely or not at all, and never beyond a limit. */

import type { IncomingMessage } from 'node:http';
import { BODY_PIECE_BYTES, BODY_PIECES_MAX } from '../../core/limits.ts';

export type CapturedBody =
  | Buffer
  /** `bodies_full`: all bodies together take too much memory. `shutting_down`: ended by `cut`. */
  | 'body_too_large'
  | 'bodies_full'
  | 'shutting_down'
  /** The client left, or the request was malformed or too slow: it has been answered or needs no answer. */
  | undefined;

export type BodyCapture = ReturnType<ReturnType<typeof createBodies>>;

/**
 * The bodies that are being read or processed, and the memory that all of them together may take. When it is used up,
 * the oldest unfinished body is dropped: stalled senders must not block others.
 */
export function createBodies(memoryBytesMax: number) {
  let bytesFree = memoryBytesMax;
  /**
   * Functions that drop the unfinished bodies, oldest first. An array, although a body that ends is searched in it: among
   * CONNECTIONS_MAX bodies that takes up to 40 µs, less than answering the request. Not a Set: when a Set outgrows its
   * hash table, V8 links the old table to the new one. An old table in the old generation then keeps all later tables
   * and their members, with the bodies, from being collected while they are young.
   */
  const unfinished: (() => void)[] = [];

  /**
   * Starts reading. A chunked body is complete only if `request.complete` is set at `end`.
   * @param bytesMax the limit for this body
   */
  return function capture(request: IncomingMessage, bytesMax: number) {
    const { promise, resolve } = Promise.withResolvers<CapturedBody>();
    const chunks: Buffer[] = [];
    const chunksMax = Math.max(BODY_PIECES_MAX, bytesMax / BODY_PIECE_BYTES);
    let bytes = 0;

    const end = (body: CapturedBody) => {
      const index = unfinished.indexOf(drop); // lastIndexOf() is much slower in V8
      if (index === -1) return; // it has ended before
      unfinished.splice(index, 1);
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      chunks.length = 0;
      resolve(body);
    };
    const release = () => {
      bytesFree += bytes;
      bytes = 0;
    };
    const drop = () => {
      end('bodies_full');
      release();
    };
    const onData = (chunk: Buffer) => {
      if (bytes + chunk.length > bytesMax) return end('body_too_large');
      if (chunks.length >= chunksMax) {
        end(undefined);
        request.destroy(); // no answer: lingering to send one would cost what this limit prevents
        return;
      }
      while (chunk.length > bytesFree) {
        const dropOldest = unfinished[0] ?? drop;
        dropOldest();
        if (dropOldest === drop) return;
      }
      bytesFree -= chunk.length;
      bytes += chunk.length;
      chunks.push(chunk);
    };
    const onEnd = () => {
      const [first = Buffer.alloc(0)] = chunks;
      const whole = chunks.length > 1 ? Buffer.concat(chunks, bytes) : first;
      end(request.complete ? whole : undefined);
    };
    const onClose = () => end(undefined);
    unfinished.push(drop);
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);

    return {
      body: promise,
      /** Stops waiting for the rest of the body. No effect if the body is complete. */
      cut: () => end('shutting_down'),
      /** Returns the memory of the body. Call it once the request has been answered. */
      release,
    };
  };
}
