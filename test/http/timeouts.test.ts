/** Slow clients, each cut off at its limit; bodies that are never finished; too many connections. */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  ANSWER_WRITE_MS,
  BUFFERED_BODIES_BYTES_MAX,
  CONNECTIONS_PER_CLIENT_MAX,
  HEADERS_TIMEOUT_MS,
  REQUEST_TIMEOUT_MS,
  SOCKET_IDLE_MS,
  TIMEOUT_CHECK_MS,
} from '../../src/core/limits.ts';
import {
  membersOf,
  openRaw,
  type RawConnection,
  request,
  signedLines,
  signedRequest,
} from '../support/raw.ts';
import { deliver, startReceiver, type TestReceiver, until } from '../support/receiver.ts';

/** The delay that a busy machine may add. */
const SLACK_MS = 1500;
/** A server that has read nothing for this long has stopped reading. */
const BLOCKED_MS = 3000;

let receiver: TestReceiver;
before(async () => {
  receiver = await startReceiver({ env: { RATE_LIMIT_MAX: '0' } });
});
after(() => receiver.close());

/** @returns how long the server took to answer 408 and close, in milliseconds */
async function timeTo408(bytes: string, trickle = ''): Promise<number> {
  const startedMs = performance.now();
  const connection = await openRaw(receiver.port);
  connection.send(bytes);
  const drip = trickle === '' ? undefined : setInterval(() => connection.send(trickle), 200);
  const answer = await connection.next();
  clearInterval(drip);
  assert.equal(answer.status, 408);
  assert.equal(answer.headers['connection'], 'close');
  assert.deepEqual(membersOf(answer), { error: 'Request Timeout' });
  assert.equal(connection.unread(), '');
  connection.close();
  return performance.now() - startedMs;
}

function assertWithin(ms: number, limitMs: number): void {
  assert.ok(ms >= limitMs - 50 && ms <= limitMs + TIMEOUT_CHECK_MS + SLACK_MS, `${ms} ms for ${limitMs}`);
}

describe('a slow client', { concurrency: true }, () => {
  it('is answered 408 if its headers are late', async () => {
    assertWithin(await timeTo408('POST /webhooks HTTP/1.1\r\nHost: localhost\r\n'), HEADERS_TIMEOUT_MS);
  });

  it('is answered 408 if its headers trickle in', async () => {
    assertWithin(
      await timeTo408('POST /webhooks HTTP/1.1\r\nHost: localhost\r\nX-A: ', 'b'),
      HEADERS_TIMEOUT_MS,
    );
  });

  it('is answered 408 if it sends nothing at all', async () => {
    assertWithin(await timeTo408(''), HEADERS_TIMEOUT_MS);
  });

  it('is answered 408 if its body is late, and nothing is recorded', async () => {
    const body = '{"event":"call.dtmf","data":{"slow":1}}';
    const text = signedRequest(body, { lines: ['X-Request-Id: slow-body'] });
    assertWithin(await timeTo408(text.slice(0, -1)), REQUEST_TIMEOUT_MS);
    await receiver.logged(/ slow-body 408 \d+ms /);
    assert.deepEqual(receiver.rows('SELECT seq FROM events WHERE CAST(body AS TEXT) = ?', body), []);
  });

  it('is answered 408 if its body trickles in', async () => {
    const text = request('POST /webhooks HTTP/1.1', [...signedLines(''), 'Transfer-Encoding: chunked']);
    assertWithin(await timeTo408(text, '1\r\nx\r\n'), REQUEST_TIMEOUT_MS);
  });

  it('is answered 408 on a connection that has worked before', async () => {
    const connection = await openRaw(receiver.port);
    connection.send(request('GET /health HTTP/1.1'));
    assert.equal((await connection.next()).status, 200);
    connection.send('GET /health HTTP/1.1\r\n');
    const answer = await connection.next();
    assert.equal(answer.status, 408);
    membersOf(answer);
    connection.close();
  });

  it('is cut off when it has stopped reading and an answer has waited too long', async (t) => {
    let jumpMs = 0;
    const other = await startReceiver({
      monotonicMs: () => performance.now() + jumpMs,
      env: { RATE_LIMIT_MAX: '0', LOG_LEVEL: 'warn' },
    });
    t.after(() => other.close());
    const connection = await openRaw(other.port);
    connection.socket.pause();
    const many = request('GET /webhooks HTTP/1.1').repeat(2000);
    let isBlocked = false;
    // Answers are ten times as long as requests. The server stops reading when nobody reads them.
    for (let round = 0; round < 400 && !isBlocked; round++) {
      if (!connection.socket.write(many)) {
        isBlocked = await Promise.race([
          new Promise<false>((resolve) => connection.socket.once('drain', () => resolve(false))),
          new Promise<true>((resolve) => setTimeout(() => resolve(true), BLOCKED_MS)),
        ]);
      }
    }
    assert.ok(isBlocked);
    let isCutOff = false;
    void connection.ended.then(() => {
      isCutOff = true;
    });
    // The kernel's buffers may still accept an answer now and then. On a fast clock the others become too old.
    const cutOff = () => {
      jumpMs += ANSWER_WRITE_MS / 50;
      return isCutOff;
    };
    await until(cutOff, 'it is cut off', SOCKET_IDLE_MS / 2);
    assert.equal(await connection.ended, 'reset');
  });
});

it('two hundred slow clients do not hold up a signed delivery', async () => {
  const slow = await Promise.all(Array.from({ length: 200 }, () => openRaw(receiver.port)));
  for (const connection of slow) connection.send('POST /webhooks HTTP/1.1\r\nHost: ');
  const startedMs = performance.now();
  assert.equal((await deliver(receiver, { event: 'call.dtmf', data: { beside: 'the slow' } })).status, 200);
  assert.ok(performance.now() - startedMs < 1000);
  for (const connection of slow) connection.close();
});

it('unfinished bodies use up a budget: then 503; the budget is released when they go away', async (t) => {
  const bodyBytes = 16 * 1024 * 1024;
  const fit = BUFFERED_BODIES_BYTES_MAX / bodyBytes;
  const other = await startReceiver({ env: { RATE_LIMIT_MAX: '0', MAX_BODY_BYTES: String(bodyBytes) } });
  t.after(() => other.close());
  const body = '{"event":"call.dtmf"}'.padEnd(bodyBytes);
  const allButLast = Buffer.from(signedRequest(body).slice(0, -1));

  // One more than fits, so one of them is refused.
  const held = await Promise.all(Array.from({ length: fit + 1 }, () => openRaw(other.port)));
  const answers = held.map(async (connection) => ({ connection, answer: await connection.next() }));
  for (const connection of held) connection.send(allButLast);
  const first = await Promise.race(answers);
  assert.equal(first.answer.status, 503);
  assert.equal(first.answer.headers['retry-after'], '1');
  assert.deepEqual(membersOf(first.answer), {
    error: 'Service Unavailable',
    message: 'Too many bodies are being read, send again',
  });

  // One of the others is completed and recorded; the rest disconnect.
  const [finished, ...abandoned] = held.filter((connection) => connection !== first.connection);
  finished?.send(' ');
  const second = await Promise.race(answers.filter((_, index) => held[index] !== first.connection));
  assert.equal(second.connection, finished);
  assert.equal(second.answer.status, 200);
  for (const connection of abandoned) connection.socket.resetAndDestroy();
  const settled = await Promise.allSettled(answers);
  assert.equal(settled.filter(({ status }) => status === 'rejected').length, fit - 1);

  // Every byte is released, so the whole budget can be used again, twice.
  for (let round = 0; round < 2; round++) {
    await until(async () => {
      const again = Array.from({ length: fit }, () => deliver(other, body));
      return (await Promise.all(again)).every(({ status }) => status === 200);
    }, 'all of the budget is free again');
  }
  for (const connection of held) connection.close();
});

it('one address cannot take all connections, unless it is a trusted proxy', async (t) => {
  const other = await startReceiver({ env: { TRUST_PROXY: 'none' } });
  t.after(() => other.close());
  const open: RawConnection[] = [];
  for (let count = 0; count < CONNECTIONS_PER_CLIENT_MAX; count++) open.push(await openRaw(other.port));
  const last = open.at(-1);
  last?.send(request('GET /health HTTP/1.1'));
  assert.equal((await last?.next())?.status, 200);
  for (let count = 0; count < 2; count++) {
    const beyond = await openRaw(other.port);
    await beyond.ended;
  }
  const warnings = other.lines.filter((line) =>
    line.includes('a connection was refused: 127.0.0.1 already has'),
  );
  assert.equal(warnings.length, 1);
  open.pop()?.close();
  await until(async () => {
    const next = await openRaw(other.port);
    next.send(request('GET /health HTTP/1.1', ['Connection: close']));
    return (await next.rest().catch(() => [])).some(({ status }) => status === 200);
  }, 'a place is free again');
  for (const connection of open) connection.close();
});
