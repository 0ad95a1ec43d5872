/**
 * An in-memory sliding-window rate limit per client. The previous window's count is weighted by how much of that
 * window still overlaps, so a client cannot send twice its limit around a window's edge. The number of clients is
 * bounded: above RATE_LIMIT_CLIENTS_MAX the oldest one is dropped.
 */

import { RATE_LIMIT_CLIENTS_MAX } from '../../core/limits.ts';

/** A place in a window. Give it back if the request turns out to be a verified delivery. */
export type Place =
  | { readonly kind: 'taken'; giveBack(): void }
  /** Over the limit; the request was not counted. `retryAfterS` ≥ 1. */
  | { readonly kind: 'over'; readonly retryAfterS: number };

export interface RateLimiter {
  /**
   * @param client any text that identifies one client
   * @param nowMs monotonic milliseconds
   */
  take(client: string, nowMs: number): Place;
}

/** @param requestsMax requests per client and window; 0 switches the limiter off */
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

/** Whole seconds, at least 1, until the weighted count has room for one more request. */
function retryAfterS(
  requestsMax: number,
  windowMs: number,
  elapsedMs: number,
  before: number,
  now: number,
): number {
  const room = requestsMax - 1;
  // In this window, as the previous one fades: now + before × (1 - t/window) = room. Otherwise in the next window.
  const fadedMs = now <= room ? windowMs * (1 - (room - now) / before) : windowMs * (2 - room / now);
  return Math.max(1, Math.ceil((fadedMs - elapsedMs) / 1000));
}
