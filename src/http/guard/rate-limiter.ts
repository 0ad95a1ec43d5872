/**
 * An in-memory sliding-window rate limit per client. The previous window's count is weighted by how much of that
 * window still overlaps, so a client cannot send twice its limit around a window's edge. The number of clients is
 * bounded: above RATE_LIMIT_CLIENTS_MAX the oldest one is dropped.
 */

import { RATE_LIMIT_CLIENTS_MAX } from '../../core/limits.ts';

export type RateLimitDecision =
  /** Counted. Give it back if the request turns out to be a verified delivery; a second call has no effect. */
  | { readonly kind: 'taken'; giveBack(): void }
  /** Over the limit; the request was not counted. `retryAfterS` ≥ 1. */
  | { readonly kind: 'over'; readonly retryAfterS: number };

export type RateLimiter = ReturnType<typeof createRateLimiter>;

/** @param requestsMax requests per client and window; 0 switches the limiter off */
export function createRateLimiter(
  requestsMax: number,
  windowMs: number,
  clientsMax: number = RATE_LIMIT_CLIENTS_MAX,
) {
  let windowIndex = Number.NEGATIVE_INFINITY;
  let current = new Map<string, number>();
  let previous = new Map<string, number>();

  return {
    /**
     * @param client any text that identifies one client
     * @param nowMs monotonic milliseconds
     */
    take(client: string, nowMs: number): RateLimitDecision {
      if (requestsMax === 0) return { kind: 'taken', giveBack() {} };
      const index = Math.floor(nowMs / windowMs);
      if (index > windowIndex) {
        previous = index === windowIndex + 1 ? current : new Map();
        current = new Map();
        windowIndex = index;
      }
      const elapsedMs = nowMs - windowIndex * windowMs;
      const before = previous.get(client) ?? 0;
      const now = current.get(client) ?? 0;
      if (now + before * (1 - elapsedMs / windowMs) + 1 > requestsMax) {
        const room = requestsMax - 1;
        // In this window, as the previous one fades: now + before × (1 - t/window) = room. Otherwise in the next one.
        const freeMs = now <= room ? windowMs * (1 - (room - now) / before) : windowMs * (2 - room / now);
        return { kind: 'over', retryAfterS: Math.max(1, Math.ceil((freeMs - elapsedMs) / 1000)) };
      }
      if (!current.has(client) && current.size >= clientsMax)
        current.delete(current.keys().next().value ?? client);
      current.set(client, now + 1);

      const counts = current;
      let isCounted = true;
      return {
        kind: 'taken',
        giveBack() {
          const count = counts.get(client) ?? 0;
          if (isCounted && count > 0) counts.set(client, count - 1);
          isCounted = false;
        },
      };
    },
  };
}
