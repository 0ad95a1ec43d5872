/** Captures a request's raw body as it streams: whole, or not at all, and never past a limit. */

import type { IncomingMessage } from 'node:http';
import { BODY_PIECE_BYTES, BODY_PIECES_MAX } from '../core/limits.ts';
import { InOrder } from './in-order.ts';

/**
 * Bodies in memory, together. Every byte taken is given back when its request has been answered. When it is used
 * up the body that has been unfinished for longest makes room: senders that stall must not keep others out.
 */
export interface ByteBudget {
  /** How to give up each unfinished body, the oldest first. */
  readonly unfinished: InOrder<() => void>;
  /** @returns whether `bytes` more fit; then they are counted */
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
  /** The client went away, the request was malformed or too slow: it has its answer, or wants none. */
  | { readonly kind: 'broken-off' }
  /** Ended by `cut`: the server is shutting down. */
  | { readonly kind: 'cut' };

export interface BodyCapture {
  readonly body: Promise<CapturedBody>;
  /** Stops waiting for the rest of the body. No effect on one that is whole. */
  cut(): void;
  /** Gives the bytes back to the budget. Call it once the request has been answered. */
  release(): void;
}

/**
 * Starts reading. A chunked body is known to be good only when `end` comes with `request.complete`.
 * @param bytesMax the limit of this one body
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
  /** @returns whether `more` bytes fit, after older unfinished bodies have been given up for them */
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
      request.destroy(); // no answer: reading on for it would cost what this guards against
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
