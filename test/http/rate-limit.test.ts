/** The rate limit as a client meets it: DESIGN section 7. The monotonic clock stands still unless a test moves it. */

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { VERIFY_OVER_LIMIT_BYTES_MAX } from '../../src/core/limits.ts';
import { exchangeRaw, membersOf, request } from '../support/raw.ts';
import { type DeliveryOptions, deliver, startReceiver, type TestReceiver } from '../support/receiver.ts';

const LIMIT = 5;
const WINDOW_MS = 60_000;

const started: TestReceiver[] = [];
after(() => Promise.all(started.map((receiver) => receiver.close())));

interface Limited extends TestReceiver {
  clockMs: number;
}

async function limited(env: Record<string, string> = {}): Promise<Limited> {
  const clock = { clockMs: 10 * WINDOW_MS };
  const receiver = await startReceiver({
    monotonicMs: () => clock.clockMs,
    env: {
      RATE_LIMIT_MAX: String(LIMIT),
      RATE_LIMIT_WINDOW_MS: String(WINDOW_MS),
      MAX_BODY_BYTES: '200000',
      ...env,
    },
  });
  started.push(receiver);
  return Object.assign(clock, receiver);
}

let sent = 0;
function newBody(): string {
  sent += 1;
  return JSON.stringify({ event: 'call.dtmf', data: { limit: sent } });
}
const good = async (receiver: Limited, options: DeliveryOptions = {}) =>
  (await deliver(receiver, newBody(), options)).status;
const forged = async (receiver: Limited, options: DeliveryOptions = {}) =>
  (await deliver(receiver, newBody(), { secret: 'forged', ...options })).status;
const from = (address: string) => ({ headers: { 'X-Forwarded-For': address } });

/** Forges until the limit is reached. */
async function useUp(receiver: Limited, options: DeliveryOptions = {}): Promise<void> {
  for (let request = 0; request < LIMIT; request++) assert.equal(await forged(receiver, options), 401);
}

describe('the sender', () => {
  it('is never counted', async () => {
    const receiver = await limited();
    for (let request = 0; request < 4 * LIMIT; request++) assert.equal(await good(receiver), 200);
    await useUp(receiver);
  });

  it('is never counted even where fifty deliveries come at once', async () => {
    const receiver = await limited();
    const statuses = await Promise.all(Array.from({ length: 50 }, () => good(receiver)));
    assert.deepEqual(new Set(statuses), new Set([200]));
    await useUp(receiver);
    assert.equal(await forged(receiver), 429);
  });

  it('is heard from an address that is over its limit', async () => {
    const receiver = await limited();
    await useUp(receiver);
    for (let request = 0; request < LIMIT; request++) assert.equal(await good(receiver), 200);
  });
});

describe('a client', () => {
  it('is refused from its first request over the limit, told when to come again, and then heard', async () => {
    const receiver = await limited();
    for (let request = 0; request < LIMIT - 1; request++) assert.equal(await forged(receiver), 401);
    assert.equal(await forged(receiver), 401, 'the last one within the limit');
    const answer = await deliver(receiver, newBody(), { secret: 'forged' });
    assert.equal(answer.status, 429);
    const { request_id, ...rest } = answer.json;
    assert.equal(request_id, answer.headers.get('x-request-id'));
    assert.deepEqual(rest, { error: 'Too Many Requests' });
    const waitS = Number(answer.headers.get('retry-after'));
    assert.ok(Number.isInteger(waitS) && waitS >= 1, String(waitS));

    receiver.clockMs += (waitS - 1) * 1000;
    assert.equal(await forged(receiver), 429);
    receiver.clockMs += 1000;
    assert.equal(await forged(receiver), 401);
  });

  it('over its limit learns nothing but 429, whatever else is wrong', async () => {
    const receiver = await limited();
    await useUp(receiver);
    const statuses = [
      await forged(receiver, { timestamp: 'never' }),
      await forged(receiver, { headers: { 'Content-Encoding': 'gzip' } }),
      (await fetch(`${receiver.url}/webhooks`, { method: 'POST', body: 'x' })).status,
      await good(receiver, { timestamp: 1_000_000_000 }),
    ];
    assert.deepEqual(statuses, [429, 429, 429, 429]);
    assert.deepEqual(receiver.rows('SELECT seq FROM events'), []);
  });

  it('over its limit is verified up to 64 KiB of body, and refused beyond', async () => {
    const receiver = await limited();
    await useUp(receiver);
    const sized = (bytes: number) => {
      const start = newBody();
      return start + ' '.repeat(bytes - start.length);
    };
    for (const [difference, status] of [
      [-1, 200],
      [0, 200],
      [1, 429],
    ] as const) {
      const answer = await deliver(receiver, sized(VERIFY_OVER_LIMIT_BYTES_MAX + difference));
      assert.equal(answer.status, status, String(difference));
      assert.equal(answer.headers.has('retry-after'), status === 429);
    }
  });

  it('within its limit may send larger bodies', async () => {
    const receiver = await limited();
    const body = newBody() + ' '.repeat(VERIFY_OVER_LIMIT_BYTES_MAX);
    assert.equal((await deliver(receiver, body)).status, 200);
  });

  it('is counted for GET on the webhook paths, and not for /health and what does not exist', async () => {
    const receiver = await limited();
    const get = async (path: string) => (await fetch(receiver.url + path)).status;
    for (let request = 0; request < 2 * LIMIT; request++) {
      assert.equal(await get('/health'), 200);
      assert.equal(await get('/other'), 404);
    }
    for (let request = 0; request < LIMIT; request++) assert.equal(await get('/webhooks?challenge=x'), 200);
    const response = await fetch(`${receiver.url}/webhooks?challenge=x`);
    assert.equal(response.status, 429);
    assert.ok(Number(response.headers.get('retry-after')) >= 1);
    assert.equal(await get('/health'), 200);
  });

  it('is counted for truly signed deliveries that are too old: they are replays', async () => {
    const receiver = await limited();
    const old = { timestamp: Math.floor(Date.now() / 1000) - 3600 };
    for (let request = 0; request < LIMIT; request++) assert.equal(await good(receiver, old), 401);
    assert.equal(await good(receiver, old), 429);
  });

  it('over its limit that asks first is refused before 100 Continue', async () => {
    const receiver = await limited();
    await useUp(receiver);
    const answers = await exchangeRaw(
      receiver.port,
      request('POST /webhooks HTTP/1.1', ['Expect: 100-continue', 'Content-Length: 5']),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      [429],
    );
  });
});

describe('RATE_LIMIT_SKIP_VERIFIED=false', () => {
  it('counts every request, and refuses before the body is read', async () => {
    const receiver = await limited({ RATE_LIMIT_SKIP_VERIFIED: 'false' });
    for (let request = 0; request < LIMIT; request++) assert.equal(await good(receiver), 200);
    assert.equal(await good(receiver), 429);
    // No byte of the body is ever sent.
    const answers = await exchangeRaw(
      receiver.port,
      request('POST /webhooks HTTP/1.1', ['Expect: 100-continue', 'Content-Length: 5']),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      [429],
    );
    for (const answer of answers) membersOf(answer);
  });
});

it('RATE_LIMIT_MAX=0 switches it off', async () => {
  const receiver = await limited({ RATE_LIMIT_MAX: '0' });
  for (let request = 0; request < 30; request++) assert.equal(await forged(receiver), 401);
});

describe('X-Forwarded-For', () => {
  it('tells clients apart behind a proxy on the same host', async () => {
    const receiver = await limited();
    await useUp(receiver, from('203.0.113.1'));
    assert.equal(await forged(receiver, from('203.0.113.1')), 429);
    assert.equal(await forged(receiver, from('203.0.113.2')), 401);
    assert.equal(await forged(receiver), 401);
  });

  it('is read from the right: what the client itself wrote is not believed', async () => {
    const receiver = await limited();
    await useUp(receiver, from('198.51.100.1, 203.0.113.1'));
    assert.equal(await forged(receiver, from('198.51.100.2, 203.0.113.1')), 429);
    assert.equal(await forged(receiver, from('203.0.113.1, 198.51.100.2')), 401);
  });

  it('is believed in two headers as in one', async () => {
    const receiver = await limited();
    await useUp(receiver, from('203.0.113.1'));
    const [answer] = await exchangeRaw(
      receiver.port,
      request('GET /webhooks HTTP/1.1', [
        'X-Forwarded-For: 198.51.100.9',
        'X-Forwarded-For: 203.0.113.1',
        'Connection: close',
      ]),
    );
    assert.equal(answer?.status, 429);
  });

  it('counts the addresses of one IPv6 /64 as one client', async () => {
    const receiver = await limited();
    for (let request = 0; request < LIMIT; request++)
      assert.equal(await forged(receiver, from(`2001:db8:0:1::${request}`)), 401);
    assert.equal(await forged(receiver, from('2001:db8:0:1:ffff::1')), 429);
    assert.equal(await forged(receiver, from('2001:db8:0:2::1')), 401);
  });

  it('is not believed with TRUST_PROXY=none: two hundred forged addresses are one client', async () => {
    const receiver = await limited({ TRUST_PROXY: 'none' });
    const statuses = new Map<number, number>();
    for (let request = 0; request < 200; request++) {
      const status = await forged(receiver, from(`203.0.113.${request}`));
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    assert.deepEqual(Object.fromEntries(statuses), { 401: LIMIT, 429: 200 - LIMIT });
  });

  it('that is no address at all counts for the proxy itself', async () => {
    const receiver = await limited();
    await useUp(receiver, from('unknown'));
    assert.equal(await forged(receiver, from('<script>')), 429);
  });
});
