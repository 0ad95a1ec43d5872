/** Captures a request's raw body as it streams: completely or not at all, and never beyond a limit. */

import type { IncomingMessage } from 'node:http';
import { BODY_PIECE_BYTES, BODY_PIECES_MAX } from '../../core/limits.ts';
import { InOrder } from './in-order.ts';

/**
 * A memory budget for all bodies together. Bytes are returned when their request has been answered. When the budget is
 * used up, the oldest unfinished body is dropped: stalled senders must not block others.
 */
export interface ByteBudget {
  /** Functions that drop the unfinished bodies, oldest first. */
  readonly unfinished: InOrder<() => void>;
  /** @returns whether `bytes` more fit; if so, they are counted */
  take(bytes: number): boolean;
  giveBack(bytes: number): void;
}

export function createByteBudget(bytesMax: number): ByteBudget {
  let taken = 0;
  return {
    unfinished: new InOrder(),
    take(bytes) {
      if (taken + bytes > bytesMax) return false;
      taken += bytes;
      return true;
    },
    giveBack(bytes) {
      taken -= bytes;
    },
  };
}

export type CapturedBody =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }
  /** The budget of all bodies together is used up. */
  | { readonly kind: 'no-room' }
  /** The client left, or the request was malformed or too slow: it has been answered or needs no answer. */
  | { readonly kind: 'broken-off' }
  /** Ended by `cut`: the server is shutting down. */
  | { readonly kind: 'cut' };

export interface BodyCapture {
  readonly body: Promise<CapturedBody>;
  /** Stops waiting for the rest of the body. No effect if the body is complete. */
  cut(): void;
  /** Returns the bytes to the budget. Call it once the request has been answered. */
  release(): void;
}

/**
 * Starts reading. A chunked body is complete only if `request.complete` is set at `end`.
 * @param bytesMax the limit for this body
 */
export function captureBody(request: IncomingMessage, bytesMax: number, budget: ByteBudget): BodyCapture {
  const chunks: Buffer[] = [];
  const piecesMax = Math.max(BODY_PIECES_MAX, bytesMax / BODY_PIECE_BYTES);
  let bytes = 0;
  let settle: (captured: CapturedBody) => void = () => {};

  const body = new Promise<CapturedBody>((resolve) => {
    settle = (captured) => {
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      leaveUnfinished();
      if (captured.kind !== 'whole') chunks.length = 0;
      resolve(captured);
    };
  });
  const release = () => {
    budget.giveBack(bytes);
    bytes = 0;
  };
  const giveUp = () => {
    settle({ kind: 'no-room' });
    release();
  };
  /** Drops older unfinished bodies if necessary. @returns whether `more` bytes fit */
  const makeRoom = (more: number): boolean => {
    while (!budget.take(more)) {
      const oldest = budget.unfinished.first;
      if (oldest === undefined || oldest === giveUp) return false;
      oldest();
    }
    return true;
  };
  const onData = (chunk: Buffer) => {
    if (bytes + chunk.length > bytesMax) return settle({ kind: 'too-large' });
    if (chunks.length >= piecesMax) {
      settle({ kind: 'broken-off' });
      request.destroy(); // no answer: lingering to send one would cost what this limit prevents
      return;
    }
    if (!makeRoom(chunk.length)) return settle({ kind: 'no-room' });
    bytes += chunk.length;
    chunks.push(chunk);
  };
  const onEnd = () => {
    const [only] = chunks;
    const whole = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, bytes);
    settle(request.complete ? { kind: 'whole', bytes: whole } : { kind: 'broken-off' });
  };
  const onClose = () => settle({ kind: 'broken-off' });
  const leaveUnfinished = budget.unfinished.add(giveUp);
  request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);

  return {
    body,
    cut: () => settle({ kind: 'cut' }),
    release,
  };
}
