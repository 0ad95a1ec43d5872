/** The request log: its two formats, one record per line whatever a client sends, and its bound under a flood. */

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { LOGGED_REFUSALS_PER_SECOND_MAX } from '../../src/core/limits.ts';
import { exchangeRaw, request, signedRequest } from '../support/raw.ts';
import {
  deliver,
  SECRET,
  signedHeaders,
  startReceiver,
  type TestOptions,
  type TestReceiver,
  until,
} from '../support/receiver.ts';

const started: TestReceiver[] = [];
after(() => Promise.all(started.map((receiver) => receiver.close())));

async function start(options: TestOptions = {}): Promise<TestReceiver> {
  const receiver = await startReceiver(options);
  started.push(receiver);
  return receiver;
}

const ISO = String.raw`\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\]`;
/** Anything that ends a line somewhere, or moves a terminal's cursor. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to find
const HARMFUL = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]/;

describe('in text', () => {
  it('a request is two lines: one on arrival, one with the outcome', async () => {
    const receiver = await start();
    await deliver(receiver, { event: 'call.dtmf', data: {} }, { headers: { 'X-Request-Id': 'one' } });
    await fetch(`${receiver.url}/nowhere?q=1`, { headers: { 'X-Request-Id': 'two' } });
    const of = (id: string) => receiver.lines.filter((line) => line.includes(` ${id} `));
    assert.equal(of('one').length, 2);
    assert.match(of('one')[0] ?? '', new RegExp(`^${ISO} one POST /webhooks$`));
    assert.match(of('one')[1] ?? '', new RegExp(`^${ISO} one 200 \\d+ms recorded seq 1 call\\.dtmf$`));
    assert.match(of('two')[0] ?? '', new RegExp(`^${ISO} two GET /nowhere$`));
    assert.match(of('two')[1] ?? '', new RegExp(`^${ISO} two 404 \\d+ms not_found$`));
  });

  it('each line has its own time, from the clocks of the program', async () => {
    let monotonicMs = 1000;
    const receiver = await start({ now: () => 1_800_000_000_000, monotonicMs: () => (monotonicMs += 7) });
    await fetch(`${receiver.url}/health`, { headers: { 'X-Request-Id': 'timed' } });
    const [came, answered] = receiver.lines.filter((line) => line.includes(' timed '));
    assert.equal(came, '[2027-01-15T08:00:00.000Z] timed GET /health');
    const ms = Number(/ (\d+)ms/.exec(answered ?? '')?.[1]);
    assert.ok(ms >= 7);
    assert.equal(answered?.slice(1, 25), new Date(1_800_000_000_000 + ms).toISOString());
  });

  it('LOG_LEVEL=warn leaves out the requests, and keeps the warnings', async () => {
    const receiver = await start({ env: { LOG_LEVEL: 'warn' } });
    await deliver(receiver, { event: 'call.dtmf', data: {} }, { path: '/webhooks/sms' });
    assert.equal(receiver.lines.length, 1);
    assert.match(receiver.lines[0] ?? '', /WARN .*which is for SMS/);
  });
});

it('bytes that are not HTTP are logged too, with the id of the answer', async () => {
  const receiver = await start();
  const [answer] = await exchangeRaw(receiver.port, 'EHLO example.org\r\n\r\n');
  assert.equal(answer?.status, 400);
  const id = answer.headers['x-request-id'];
  const lines = receiver.lines.filter((line) => line.includes(` ${id} `));
  assert.match(lines[0] ?? '', new RegExp(`^${ISO} ${id} - -$`));
  assert.match(lines[1] ?? '', new RegExp(`^${ISO} ${id} 400 \\d+ms malformed_request$`));
});

describe('in JSON', () => {
  it('a request is one object', async () => {
    const receiver = await start({ env: { LOG_FORMAT: 'json' } });
    await deliver(receiver, { event: 'call.dtmf', data: {} }, { headers: { 'X-Request-Id': 'one' } });
    const records = receiver.lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((record) => record['request_id'] === 'one');
    assert.equal(records.length, 1);
    const { time, ms, ...rest } = records[0] ?? {};
    assert.match(String(time), /^\d{4}-.*Z$/);
    assert.equal(typeof ms, 'number');
    assert.deepEqual(rest, {
      level: 'info',
      message: 'request',
      request_id: 'one',
      method: 'POST',
      path: '/webhooks',
      status: 200,
      code: 'recorded',
      client: '127.0.0.1',
      detail: 'seq 1 call.dtmf',
    });
  });
});

for (const format of ['text', 'json']) {
  it(`hostile text stays on its line, in ${format}`, async () => {
    const receiver = await start({ env: { LOG_FORMAT: format } });
    const hostile = [
      '\r\nforged',
      '\n[2026] forged 200',
      '\u001b[2Jforged',
      '\u2028forged',
      '\u2029forged',
      '\u0085forged',
      '\u202eforged',
    ];
    for (const text of hostile) {
      // A body can contain any character; a path or a header, only those that the parser lets through.
      await deliver(receiver, { event: `call.dtmf${text}`, data: { text } }, { path: '/webhooks/sms' });
      const bytes = Buffer.from(text.replace(/[\r\n]/g, '').replaceAll('\u001b', ''), 'utf8').toString(
        'latin1',
      );
      const raw = (line: string) => Buffer.from(line, 'latin1');
      await exchangeRaw(
        receiver.port,
        raw(request(`GET /${bytes} HTTP/1.1`, [`X-Request-Id: a${bytes}`, 'Connection: close'])),
      );
      await exchangeRaw(
        receiver.port,
        raw(signedRequest('{"data":{}}', { lines: [`X-IRISX-Event: call.x${bytes}`, 'Connection: close'] })),
      );
      await exchangeRaw(
        receiver.port,
        raw(request(`GET /webhooks${encodeURIComponent(text)} HTTP/1.1`, ['Connection: close'])),
      );
    }
    assert.ok(receiver.lines.length > 4 * hostile.length);
    for (const line of receiver.lines) {
      assert.doesNotMatch(line, HARMFUL);
      if (format === 'json') JSON.parse(line);
      else assert.match(line, new RegExp(`^${ISO} `));
    }
  });

  it(`no line contains a secret, a signature, a phone number or a message, in ${format}`, async () => {
    const receiver = await start({ env: { LOG_FORMAT: format } });
    const message = 'my-private-words';
    const number = '+15551239999';
    const data = { message_id: 'SM-private', message, from: number, segments: -1 };
    const bodies = [
      JSON.stringify({ event: 'sms.received', data }),
      JSON.stringify({ event: 'call.completed', data: { ...data, call_uuid: message, duration: message } }),
      `${message}{`,
    ];
    const kept: string[] = [SECRET, message, number];
    for (const body of bodies) {
      for (const options of [
        {},
        { path: '/webhooks/calls' },
        { secret: 'x' },
        { timestamp: 1_000_000_000 },
      ]) {
        const headers = signedHeaders(body, options);
        kept.push(headers['X-IRISX-Signature'] ?? '');
        await fetch(`${receiver.url}${options.path ?? '/webhooks'}?q=${message}`, {
          method: 'POST',
          body,
          headers,
        });
      }
    }
    await exchangeRaw(receiver.port, `${message} ${SECRET}\r\n\r\n`);
    assert.ok(receiver.lines.length >= 12);
    for (const line of receiver.lines)
      for (const text of kept) assert.ok(!line.includes(text), `${text} is in ${line}`);
  });
}

describe('under a flood', () => {
  it('refusals beyond the limit per second are counted, not logged; recorded deliveries are still logged', async () => {
    let monotonicMs = 5000;
    const receiver = await start({ monotonicMs: () => monotonicMs, env: { RATE_LIMIT_MAX: '0' } });
    const refused = () => receiver.lines.filter((line) => line.includes(' 404 ')).length;
    const count = LOGGED_REFUSALS_PER_SECOND_MAX;
    const knock = () => fetch(`${receiver.url}/nowhere`).then((response) => response.arrayBuffer());

    for (let request = 0; request < count; request++) await knock();
    assert.equal(refused(), count);
    await knock();
    await knock();
    await knock();
    assert.equal(refused(), count);
    await deliver(receiver, { event: 'call.dtmf', data: {} });
    assert.ok(receiver.lines.some((line) => line.includes(' 200 ')));

    // It is logged even without another request.
    await receiver.logged('3 more requests that recorded no delivery arrived within a second');

    monotonicMs += 1000;
    await knock();
    await until(() => refused() === count + 1, 'requests of the next second are logged again');
    assert.equal(receiver.lines.filter((line) => line.includes('more requests')).length, 1);
  });
});
