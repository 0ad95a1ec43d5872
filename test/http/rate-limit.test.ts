/** The rate limit as a client sees it. The monotonic clock stands still unless a test moves it. */

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { VERIFY_OVER_LIMIT_BYTES_MAX } from '../../src/core/limits.ts';
import { exchangeRaw, membersOf, type RawAnswer, request } from '../support/raw.ts';
import { type DeliveryOptions, deliver, startReceiver, type TestReceiver } from '../support/receiver.ts';

const LIMIT = 5;
const WINDOW_MS = 60_000;

/** A client of a receiver, identified by the address that a proxy on the same host would forward. */
interface Client {
  readonly receiver: TestReceiver;
  readonly headers: Readonly<Record<string, string>>;
  /** @returns the status of a new, correctly signed delivery */
  good(options?: DeliveryOptions): Promise<number>;
  /** @returns the status of a new delivery with a wrong signature */
  forged(options?: DeliveryOptions): Promise<number>;
}

let clockMs = 10 * WINDOW_MS;
const receivers = new Map<string, Promise<TestReceiver>>();
after(async () => {
  for (const receiver of receivers.values()) await (await receiver).close();
});

/** The receiver with these settings. Tests share it, because a start takes longer than a test. */
function limited(env: Record<string, string> = {}): Promise<TestReceiver> {
  const key = JSON.stringify(env);
  const found = receivers.get(key);
  if (found !== undefined) return found;
  const limits = { RATE_LIMIT_MAX: String(LIMIT), RATE_LIMIT_WINDOW_MS: String(WINDOW_MS) };
  const receiver = startReceiver({
    monotonicMs: () => clockMs,
    env: { ...limits, MAX_BODY_BYTES: '200000', ...env },
  });
  receivers.set(key, receiver);
  return receiver;
}

let clients = 0;
let sent = 0;
function newBody(): string {
  sent += 1;
  return JSON.stringify({ event: 'call.dtmf', data: { limit: sent } });
}

/** @param forwardedFor by default an address that no other test uses */
async function newClient(env: Record<string, string> = {}, forwardedFor?: string): Promise<Client> {
  const receiver = await limited(env);
  clients += 1;
  const headers = { 'X-Forwarded-For': forwardedFor ?? `192.0.2.${clients}` };
  const send = async (options: DeliveryOptions) => {
    const answer = await deliver(receiver, newBody(), {
      ...options,
      headers: { ...headers, ...options.headers },
    });
    return answer.status;
  };
  return {
    receiver,
    headers,
    good: (options = {}) => send(options),
    forged: (options = {}) => send({ secret: 'forged', ...options }),
  };
}

/** Forges until the limit is reached. */
async function useUp(client: Client): Promise<void> {
  for (let request = 0; request < LIMIT; request++) assert.equal(await client.forged(), 401);
}

/** No byte of the body is ever sent. */
async function assertRefusedBeforeBody({ receiver, headers }: Client): Promise<void> {
  const lines = [
    `X-Forwarded-For: ${headers['X-Forwarded-For']}`,
    'Expect: 100-continue',
    'Content-Length: 5',
  ];
  const [answer, ...more] = await exchangeRaw(receiver.port, request('POST /webhooks HTTP/1.1', lines));
  assert.deepEqual([answer?.status, more], [429, []]);
  membersOf(answer as RawAnswer);
}

describe('the sender', () => {
  it('is never counted', async () => {
    const client = await newClient();
    for (let request = 0; request < 4 * LIMIT; request++) assert.equal(await client.good(), 200);
    await useUp(client);
  });

  it('is never counted even if fifty deliveries arrive at once', async () => {
    const client = await newClient();
    const statuses = await Promise.all(Array.from({ length: 50 }, () => client.good()));
    assert.deepEqual(new Set(statuses), new Set([200]));
    await useUp(client);
    assert.equal(await client.forged(), 429);
  });

  it('is accepted from an address that is over its limit', async () => {
    const client = await newClient();
    await useUp(client);
    for (let request = 0; request < LIMIT; request++) assert.equal(await client.good(), 200);
  });
});

describe('a client', () => {
  it('is refused from the first request over its limit until the time in Retry-After has passed', async () => {
    const client = await newClient();
    for (let request = 0; request < LIMIT - 1; request++) assert.equal(await client.forged(), 401);
    assert.equal(await client.forged(), 401, 'the last one within the limit');
    const answer = await deliver(client.receiver, newBody(), { secret: 'forged', headers: client.headers });
    assert.equal(answer.status, 429);
    assert.deepEqual(membersOf(answer), { error: 'Too Many Requests' });
    const waitS = Number(answer.headers.get('retry-after'));
    assert.ok(Number.isInteger(waitS) && waitS >= 1, String(waitS));

    clockMs += (waitS - 1) * 1000;
    assert.equal(await client.forged(), 429);
    clockMs += 1000;
    assert.equal(await client.forged(), 401);
  });

  it('over its limit gets only 429, whatever else is wrong', async () => {
    const client = await newClient();
    await useUp(client);
    const before = client.receiver.rows('SELECT count(*) AS n FROM events')[0]?.['n'];
    const statuses = [
      await client.forged({ timestamp: 'never' }),
      await client.forged({ headers: { 'Content-Encoding': 'gzip' } }),
      (await fetch(`${client.receiver.url}/webhooks`, { method: 'POST', body: 'x', headers: client.headers }))
        .status,
      await client.good({ timestamp: 1_000_000_000 }),
    ];
    assert.deepEqual(statuses, [429, 429, 429, 429]);
    assert.equal(client.receiver.rows('SELECT count(*) AS n FROM events')[0]?.['n'], before);
  });

  it('over its limit is verified up to a body of 64 KiB, and refused above', async () => {
    const client = await newClient();
    await useUp(client);
    const sized = (bytes: number) => {
      const start = newBody();
      return start + ' '.repeat(bytes - start.length);
    };
    for (const [difference, status] of [
      [-1, 200],
      [0, 200],
      [1, 429],
    ] as const) {
      const answer = await deliver(client.receiver, sized(VERIFY_OVER_LIMIT_BYTES_MAX + difference), {
        headers: client.headers,
      });
      assert.equal(answer.status, status, String(difference));
      assert.equal(answer.headers.has('retry-after'), status === 429);
    }
  });

  it('within its limit may send larger bodies', async () => {
    const client = await newClient();
    const body = newBody() + ' '.repeat(VERIFY_OVER_LIMIT_BYTES_MAX);
    assert.equal((await deliver(client.receiver, body, { headers: client.headers })).status, 200);
  });

  it('is counted for GET on the webhook paths, but not for /health and unknown paths', async () => {
    const client = await newClient();
    const get = async (path: string) =>
      (await fetch(client.receiver.url + path, { headers: client.headers })).status;
    for (let request = 0; request < 2 * LIMIT; request++) {
      assert.equal(await get('/health'), 200);
      assert.equal(await get('/other'), 404);
    }
    for (let request = 0; request < LIMIT; request++) assert.equal(await get('/webhooks?challenge=x'), 200);
    const response = await fetch(`${client.receiver.url}/webhooks?challenge=x`, { headers: client.headers });
    assert.equal(response.status, 429);
    assert.ok(Number(response.headers.get('retry-after')) >= 1);
    assert.equal(await get('/health'), 200);
  });

  it('is counted for correctly signed deliveries that are too old, because they are replays', async () => {
    const client = await newClient();
    const old = { timestamp: Math.floor(Date.now() / 1000) - 3600 };
    for (let request = 0; request < LIMIT; request++) assert.equal(await client.good(old), 401);
    assert.equal(await client.good(old), 429);
  });

  it('over its limit with an Expect header is refused before 100 Continue', async () => {
    const client = await newClient();
    await useUp(client);
    await assertRefusedBeforeBody(client);
  });
});

describe('RATE_LIMIT_SKIP_VERIFIED=false', () => {
  it('counts every request, and refuses before the body is read', async () => {
    const client = await newClient({ RATE_LIMIT_SKIP_VERIFIED: 'false' });
    for (let request = 0; request < LIMIT; request++) assert.equal(await client.good(), 200);
    assert.equal(await client.good(), 429);
    await assertRefusedBeforeBody(client);
  });
});

it('is switched off by RATE_LIMIT_MAX=0', async () => {
  const client = await newClient({ RATE_LIMIT_MAX: '0' });
  for (let request = 0; request < 30; request++) assert.equal(await client.forged(), 401);
});

describe('X-Forwarded-For', () => {
  it('distinguishes clients behind a proxy on the same host', async () => {
    const one = await newClient({}, '203.0.113.1');
    await useUp(one);
    assert.equal(await one.forged(), 429);
    assert.equal(await (await newClient({}, '203.0.113.2')).forged(), 401);
    assert.equal((await deliver(one.receiver, newBody(), { secret: 'forged' })).status, 401);
  });

  it('is read from the right: what the client wrote itself is not trusted', async () => {
    await useUp(await newClient({}, '198.51.100.1, 203.0.113.3'));
    assert.equal(await (await newClient({}, '198.51.100.2, 203.0.113.3')).forged(), 429);
    assert.equal(await (await newClient({}, '203.0.113.3, 198.51.100.2')).forged(), 401);
  });

  it('is treated the same in two headers as in one', async () => {
    const client = await newClient({}, '203.0.113.4');
    await useUp(client);
    const headers = ['X-Forwarded-For: 198.51.100.9', 'X-Forwarded-For: 203.0.113.4', 'Connection: close'];
    const [answer] = await exchangeRaw(client.receiver.port, request('GET /webhooks HTTP/1.1', headers));
    assert.equal(answer?.status, 429);
  });

  for (const [what, env, firstOnes, sameClient, another] of [
    [
      'skips trusted addresses at its right end',
      {},
      ['203.0.113.5'],
      '203.0.113.5, 127.0.0.1, ::1',
      '203.0.113.6',
    ],
    [
      'counts the addresses of one IPv6 /64 as one client',
      {},
      ['2001:db8:0:1::1', '2001:db8:0:1::2'],
      '2001:db8:0:1:ffff::1',
      '2001:db8:0:2::1',
    ],
    [
      'counts for the proxy itself if it is not an address',
      { MAX_AGE: '299' },
      ['unknown'],
      '<script>',
      '203.0.113.7',
    ],
  ] as const) {
    it(what, async () => {
      const statusFrom = async (address: string) => (await newClient(env, address)).forged();
      for (let request = 0; request < LIMIT; request++)
        assert.equal(await statusFrom(firstOnes[request % firstOnes.length] ?? ''), 401);
      assert.equal(await statusFrom(sameClient), 429);
      assert.equal(await statusFrom(another), 401);
    });
  }

  it('is not needed: an IPv6 client without it is counted by the address of its connection', async () => {
    const { port, url } = await limited({ HOST: '::' });
    const statusOf = async (origin: string, headers = {}) =>
      (await deliver({ url: origin }, newBody(), { secret: 'forged', headers })).status;
    for (let request = 0; request < LIMIT; request++)
      assert.equal(await statusOf(`http://[::1]:${port}`), 401);
    assert.equal(await statusOf(`http://[::1]:${port}`), 429);
    assert.equal(await statusOf(url, { 'X-Forwarded-For': '::2' }), 429, 'an address of the same /64');
    assert.equal(await statusOf(url), 401);
  });

  it('is ignored with TRUST_PROXY=none: two hundred forged addresses are one client', async () => {
    const statuses = new Map<number, number>();
    for (let request = 0; request < 200; request++) {
      const status = await (await newClient({ TRUST_PROXY: 'none' }, `203.0.113.${request}`)).forged();
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    assert.deepEqual(Object.fromEntries(statuses), { 401: LIMIT, 429: 200 - LIMIT });
  });
});
