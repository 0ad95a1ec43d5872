import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  createRateLimiter,
  type RateLimitDecision,
  type RateLimiter,
} from '../../../src/http/guard/rate-limiter.ts';
import { seededRandom } from '../../support/random.ts';

const WINDOW_MS = 60_000;

/** How many places a client gets at one moment if it asks until it is refused. */
function places(limiter: RateLimiter, client: string, nowMs: number, asksMax = 1000): number {
  let taken = 0;
  while (taken < asksMax && limiter.take(client, nowMs).kind === 'taken') taken++;
  return taken;
}

function taken(place: RateLimitDecision): RateLimitDecision & { kind: 'taken' } {
  assert.equal(place.kind, 'taken');
  return place as RateLimitDecision & { kind: 'taken' };
}

function retryAfterS(place: RateLimitDecision): number {
  assert.equal(place.kind, 'over');
  return (place as RateLimitDecision & { kind: 'over' }).retryAfterS;
}

describe('a rate limiter', () => {
  it('grants exactly as many places as its limit', () => {
    for (const limit of [1, 2, 3]) {
      const limiter = createRateLimiter(limit, WINDOW_MS);
      for (let n = 0; n < limit; n++) assert.equal(limiter.take('a', n).kind, 'taken');
      assert.equal(limiter.take('a', limit).kind, 'over');
      assert.equal(limiter.take('a', WINDOW_MS - 1).kind, 'over');
    }
  });

  it('is off with a limit of 0, and giving back does nothing', () => {
    const limiter = createRateLimiter(0, WINDOW_MS);
    assert.equal(places(limiter, 'a', 0, 10_000), 10_000);
    taken(limiter.take('a', 0)).giveBack();
  });

  it('counts each client separately', () => {
    const limiter = createRateLimiter(2, WINDOW_MS);
    assert.equal(places(limiter, 'a', 0), 2);
    assert.equal(places(limiter, 'b', 0), 2);
    assert.equal(limiter.take('a', 0).kind, 'over');
  });

  it('does not count what it refuses', () => {
    const limiter = createRateLimiter(4, WINDOW_MS);
    assert.equal(places(limiter, 'a', 0), 4);
    for (let n = 0; n < 1000; n++) limiter.take('a', 1);
    assert.equal(places(limiter, 'a', 1.5 * WINDOW_MS), 2);
  });

  it('does not grant the limit twice at the edge of a window', () => {
    const limiter = createRateLimiter(10, WINDOW_MS);
    assert.equal(places(limiter, 'a', WINDOW_MS - 1), 10);
    assert.equal(places(limiter, 'a', WINDOW_MS), 0);
    assert.equal(places(limiter, 'a', WINDOW_MS + 1), 0);
  });

  it('returns the places of the last window gradually as it passes', () => {
    for (const [elapsed, free] of [
      [0.099, 0],
      [0.1, 1],
      [0.101, 1],
      [0.5, 5],
      [0.999, 9],
      [1, 10],
    ] as const) {
      const limiter = createRateLimiter(10, 10_000);
      assert.equal(places(limiter, 'a', 0), 10);
      assert.equal(places(limiter, 'a', 10_000 + elapsed * 10_000), free, `${elapsed} windows later`);
    }
  });

  it('grants the full limit again two windows later, and after a jump of many windows', () => {
    for (const windows of [2, 3, 1000, 1e9]) {
      const limiter = createRateLimiter(10, WINDOW_MS);
      places(limiter, 'a', 0);
      assert.equal(places(limiter, 'a', windows * WINDOW_MS), 10);
    }
  });

  it('keeps refusing, and does not break, when its clock goes back', () => {
    const limiter = createRateLimiter(2, WINDOW_MS);
    assert.equal(places(limiter, 'a', 10 * WINDOW_MS), 2);
    assert.equal(limiter.take('a', WINDOW_MS).kind, 'over');
    assert.equal(places(limiter, 'b', WINDOW_MS), 2);
    assert.equal(places(limiter, 'a', 12 * WINDOW_MS), 2);
  });

  /**
   * What the approximation allows: within one fixed window never more than the limit, and in any span of length L up
   * to a window, across any edges, never more than limit × (1 + L / window). So a burst at an edge is bounded by the
   * limit itself; only a client that waits for a whole window gets almost twice the limit.
   */
  it('never lets a client exceed the limit by more than the approximation allows', () => {
    const random = seededRandom(415);
    for (let round = 0; round < 60; round++) {
      const limit = 1 + random.below(30);
      const windowMs = 1000 * (1 + random.below(20));
      const limiter = createRateLimiter(limit, windowMs);
      const times: number[] = [];
      let nowMs = random.below(1e9);
      for (let n = 0; n < 600; n++) {
        nowMs += random.chance(0.6) ? 0 : random.next() * windowMs * random.pick([0.01, 0.1, 0.5, 1]);
        if (limiter.take('a', nowMs).kind === 'taken') times.push(nowMs);
      }
      for (let first = 0; first < times.length; first++) {
        const fromMs = times[first] ?? 0;
        for (let last = first; last < times.length; last++) {
          const span = (times[last] ?? 0) - fromMs;
          if (span > windowMs) break;
          const inSpan = last - first + 1;
          assert.ok(
            inSpan <= limit * (1 + span / windowMs) + 1e-6,
            `${inSpan} places of ${limit} in ${span} of ${windowMs} ms (round ${round})`,
          );
        }
      }
    }
  });

  it('gives a correct retryAfterS: after that time one place is free', () => {
    const random = seededRandom(416);
    let refusals = 0;
    for (let round = 0; round < 3000; round++) {
      const limit = 1 + random.below(25);
      const windowMs = random.pick([1000, 3000, 7000, 60_000, 900_000]);
      const limiter = createRateLimiter(limit, windowMs);
      const startMs = random.below(1e9);
      for (let n = random.below(limit + 1); n > 0; n--) limiter.take('a', startMs);
      const laterMs = startMs + random.next() * windowMs * 1.9;
      places(limiter, 'a', laterMs);
      const waitS = retryAfterS(limiter.take('a', laterMs));
      assert.ok(Number.isInteger(waitS) && waitS >= 1 && waitS <= (2 * windowMs) / 1000, String(waitS));
      const place = limiter.take('a', laterMs + waitS * 1000);
      assert.equal(place.kind, 'taken', `limit ${limit}, window ${windowMs}, after ${waitS} s (${round})`);
      refusals++;
    }
    assert.equal(refusals, 3000);
  });

  it('never asks for a longer wait than needed, apart from rounding to seconds', () => {
    for (const [limit, elapsedMs] of [
      [10, 0],
      [10, 30_000],
      [3, 1000],
      [1, 0],
    ] as const) {
      const fill = () => {
        const limiter = createRateLimiter(limit, WINDOW_MS);
        assert.equal(places(limiter, 'a', elapsedMs), limit);
        return limiter;
      };
      const limiter = fill();
      const waitS = retryAfterS(limiter.take('a', elapsedMs));
      assert.equal(limiter.take('a', elapsedMs + (waitS - 1) * 1000 - 1).kind, 'over', `limit ${limit}`);
      assert.equal(fill().take('a', elapsedMs + waitS * 1000).kind, 'taken');
    }
  });
});

describe('a place given back', () => {
  it('is free again at once', () => {
    const limiter = createRateLimiter(1, WINDOW_MS);
    for (let n = 0; n < 100; n++) taken(limiter.take('a', n)).giveBack();
    assert.equal(places(limiter, 'a', 100), 1);
  });

  it('counts once if given back twice', () => {
    const limiter = createRateLimiter(3, WINDOW_MS);
    const place = taken(limiter.take('a', 0));
    assert.equal(places(limiter, 'a', 0), 2);
    place.giveBack();
    place.giveBack();
    assert.equal(places(limiter, 'a', 0), 1);
  });

  it('returns to the window in which it was taken, even after that has ended', () => {
    const limiter = createRateLimiter(2, 10_000);
    const held = [taken(limiter.take('a', 9_999)), taken(limiter.take('a', 9_999))];
    assert.equal(places(limiter, 'a', 10_000), 0);
    for (const place of held) place.giveBack();
    assert.equal(places(limiter, 'a', 10_000), 2);
    for (const place of held) place.giveBack();
    assert.equal(places(limiter, 'a', 10_000), 0);
  });

  it('changes nothing two windows later', () => {
    const limiter = createRateLimiter(2, 10_000);
    const old = taken(limiter.take('a', 0));
    assert.equal(places(limiter, 'a', 20_000), 2);
    old.giveBack();
    assert.equal(limiter.take('a', 20_000).kind, 'over');
  });

  it('frees no place of another client', () => {
    const limiter = createRateLimiter(1, WINDOW_MS);
    const mine = taken(limiter.take('a', 0));
    taken(limiter.take('b', 0));
    mine.giveBack();
    assert.equal(limiter.take('b', 0).kind, 'over');
  });
});

describe('the number of clients kept', () => {
  it('is bounded: beyond the bound the oldest client is forgotten first', () => {
    const limiter = createRateLimiter(1, WINDOW_MS, 3);
    for (const client of ['a', 'b', 'c']) assert.equal(places(limiter, client, 0), 1);
    for (const client of ['a', 'b', 'c']) assert.equal(places(limiter, client, 0), 0, client);
    assert.equal(places(limiter, 'd', 0), 1);
    for (const client of ['b', 'c', 'd']) assert.equal(places(limiter, client, 0), 0, client);
    assert.equal(places(limiter, 'a', 0), 1, 'a was forgotten');
  });

  it('is not reduced by a client that comes again', () => {
    const limiter = createRateLimiter(2, WINDOW_MS, 2);
    for (const client of ['a', 'b', 'a', 'b']) assert.equal(limiter.take(client, 0).kind, 'taken');
    for (const client of ['a', 'b']) assert.equal(limiter.take(client, 0).kind, 'over');
  });

  it('is bounded also for a million clients, whose counts are still found', () => {
    const limiter = createRateLimiter(1, WINDOW_MS, 100);
    for (let n = 0; n < 1_000_000; n++) limiter.take(`client ${n}`, 0);
    for (let n = 999_900; n < 1_000_000; n++) assert.equal(limiter.take(`client ${n}`, 0).kind, 'over');
    assert.equal(limiter.take('client 999899', 0).kind, 'taken');
  });
});
