/**
 * A sliding-window limit a client, in memory. The count of the last window is weighed by what is still in sight
 * of it, so that a client cannot send twice its limit around a window's edge. Bounded: beyond
 * RATE_LIMIT_CLIENTS_MAX the client that came first is forgotten first.
 */

import { RATE_LIMIT_CLIENTS_MAX } from './limits.ts';

/** A place taken in a window. Give it back where the request proves to be a verified delivery. */
export type Place =
  | { readonly kind: 'taken'; giveBack(): void }
  /** Over the limit: nothing was counted. `retryAfterS` ≥ 1. */
  | { readonly kind: 'over'; readonly retryAfterS: number };

export interface RateLimiter {
  /**
   * @param client any text that stands for one client
   * @param nowMs monotonic milliseconds
   */
  take(client: string, nowMs: number): Place;
}

/** @param requestsMax requests a client and window; 0 switches the limiter off */
export function createRateLimiter(
  requestsMax: number,
  windowMs: number,
  clientsMax: number = RATE_LIMIT_CLIENTS_MAX,
): RateLimiter {
  const free: Place = { kind: 'taken', giveBack() {} };
  let windowIndex = Number.NEGATIVE_INFINITY;
  let current = new Map<string, number>();
  let previous = new Map<string, number>();

  function turnTo(index: number): void {
    if (index <= windowIndex) return;
    previous = index === windowIndex + 1 ? current : new Map();
    current = new Map();
    windowIndex = index;
  }

  function giveBack(client: string, index: number): void {
    const counts = index === windowIndex ? current : index === windowIndex - 1 ? previous : undefined;
    const count = counts?.get(client);
    if (counts === undefined || count === undefined || count === 0) return;
    counts.set(client, count - 1);
  }

  return {
    take(client, nowMs) {
      if (requestsMax === 0) return free;
      turnTo(Math.floor(nowMs / windowMs));
      const index = windowIndex;
      const elapsedMs = nowMs - index * windowMs;
      const before = previous.get(client) ?? 0;
      const now = current.get(client) ?? 0;
      if (now + before * (1 - elapsedMs / windowMs) + 1 > requestsMax) {
        return { kind: 'over', retryAfterS: retryAfterS(requestsMax, windowMs, elapsedMs, before, now) };
      }
      if (!current.has(client) && current.size >= clientsMax)
        current.delete(current.keys().next().value ?? client);
      current.set(client, now + 1);
      let given = false;
      return {
        kind: 'taken',
        giveBack() {
          if (!given) giveBack(client, index);
          given = true;
        },
      };
    },
  };
}

/** When the weighed count will have room for one more, in whole seconds, at least 1. */
function retryAfterS(
  requestsMax: number,
  windowMs: number,
  elapsedMs: number,
  before: number,
  now: number,
): number {
  const room = requestsMax - 1;
  // In this window, while the last one fades: now + before × (1 - t/window) = room; else in the next, as this one fades.
  const fadedMs = now <= room ? windowMs * (1 - (room - now) / before) : windowMs * (2 - room / now);
  return Math.max(1, Math.ceil((fadedMs - elapsedMs) / 1000));
}
