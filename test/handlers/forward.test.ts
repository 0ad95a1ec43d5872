import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { type LoggedEvent, RunFailed } from '../../src/core/runs/consumer.ts';
import type { RunContext } from '../../src/core/runs/run-context.ts';
import { forwardConsumer } from '../../src/handlers/forward.ts';
import { eventOf } from '../support/events.ts';
import { startTarget } from '../support/target.ts';
import { undoneAfterEach } from '../support/undo.ts';

const KEY = randomBytes(32);
const SECRET = `whsec_${KEY.toString('base64')}`;

const atEnd = undoneAfterEach();

async function target(answer: (response: ServerResponse) => void) {
  const started = await startTarget(answer);
  atEnd(started.close);
  return started;
}

function logged(type: string, data: object): LoggedEvent {
  const json = { event: type, timestamp: '2026-01-05T09:00:00Z', data };
  return { type, json, event: eventOf(json), signedAt: new Date('2026-01-05T09:00:01Z') };
}

const failed = logged('call.failed', {
  call_id: 'call-1',
  from: '+12025550100',
  to: '+12025550101',
  error_code: 'CARRIER_REJECTED',
});

function contextOf(signal: AbortSignal = new AbortController().signal): RunContext {
  return {
    event: 'call.failed',
    seq: 7,
    idempotencyKey: 'ab'.repeat(32),
    attempt: 1,
    path: '/webhooks',
    signedAt: new Date(),
    receivedAt: new Date(),
    body: '',
    signal,
    log() {},
    query: async () => [],
  };
}

const forwardTo = (url: string, nowMs = Date.now) => forwardConsumer({ url, events: ['*'], key: KEY }, nowMs);

describe('forwarding', () => {
  it('sends requests that a standard library can verify, with a sentence for a chat', async () => {
    const { url, requests } = await target((response) => response.writeHead(204).end());
    await forwardTo(url).run(failed, contextOf());
    const [request] = requests;
    assert.ok(request);
    assert.equal(request.method, 'POST');
    const payload = new Webhook(SECRET).verify(request.body, request.headers as Record<string, string>);
    assert.deepEqual(payload, {
      type: 'call.failed',
      timestamp: '2026-01-05T09:00:00.000Z',
      seq: 7,
      text: 'Call failed: +12025550100 → +12025550101, CARRIER_REJECTED',
      data: {
        call_uuid: 'call-1',
        from_number: '+12025550100',
        to_number: '+12025550101',
        error_code: 'CARRIER_REJECTED',
      },
    });
    assert.throws(() =>
      new Webhook(SECRET).verify(`${request.body} `, request.headers as Record<string, string>),
    );
  });

  it('keeps the id across attempts, and signs each with its own time', async () => {
    const { url, requests } = await target((response) => response.end());
    let nowMs = Date.now();
    const { run } = forwardTo(url, () => nowMs);
    await run(failed, contextOf());
    nowMs += 60_000;
    await run(failed, contextOf());
    const [first, second] = requests.map(({ headers }) => headers);
    assert.equal(first?.['webhook-id'], second?.['webhook-id']);
    assert.equal(Number(second?.['webhook-timestamp']) - Number(first?.['webhook-timestamp']), 60);
    assert.notEqual(first?.['webhook-signature'], second?.['webhook-signature']);
  });

  it('sends a type that has no table with its own data', async () => {
    const { url, requests } = await target((response) => response.end());
    const json = { event: 'tenant.limit.warning', data: { tenant_id: 't', percent: 90 } };
    await forwardTo(url).run(
      { type: 'tenant.limit.warning', json, event: undefined, signedAt: new Date(0) },
      contextOf(),
    );
    const { text, data, timestamp } = JSON.parse(requests[0]?.body ?? '') as Record<string, unknown>;
    assert.deepEqual(
      [text, data, timestamp],
      ['tenant.limit.warning', { tenant_id: 't', percent: 90 }, '1970-01-01T00:00:00.000Z'],
    );
  });

  it('has a text that neither mentions anyone nor hides a link, whatever part of the event it comes from', async () => {
    const { url, requests } = await target((response) => response.end());
    const bad = '<!channel> <https://evil.example|invoice> @everyone [x](https://evil.example)';
    const events = [
      logged('sms.received', { message_id: 'm', from_number: bad, message: bad }),
      logged('sms.failed', { message_id: 'm', to_number: bad, error_code: bad, error_message: bad }),
      logged('call.answered', { call_id: 'c', from: bad, answered_by: bad }),
      logged('call.cancelled', { call_id: 'c', cancelled_by: bad }),
      logged('recording.complete', { recording_id: 'r', recording_url: bad }),
      logged('recording.transcribed', { recording_id: 'r', transcription: bad }),
      { type: bad, json: { event: bad }, event: undefined, signedAt: new Date(0) },
    ];
    for (const event of events) await forwardTo(url).run(event, contextOf());
    assert.equal(requests.length, events.length);
    for (const { body } of requests) {
      const { text, data } = JSON.parse(body) as { text: string; data: unknown };
      assert.match(
        text,
        /&lt;!channel&gt; &lt;https:\/\/evil\.example\|invoice&gt; @ everyone \[x\] \(https/,
      );
      assert.doesNotMatch(text, /[<>]|@[a-z]|\]\(/);
      assert.ok(JSON.stringify(data).includes(bad), 'the data is as it was sent');
    }
  });

  it('has a recording’s address that works, in the text', async () => {
    const { url, requests } = await target((response) => response.end());
    const recording_url = 'https://recordings.example/1.wav?X-Amz-Expires=60&X-Amz-Signature=ab';
    await forwardTo(url).run(logged('recording.complete', { recording_id: 'r', recording_url }), contextOf());
    const { text } = JSON.parse(requests[0]?.body ?? '') as Record<string, unknown>;
    assert.equal(text, `Recording ready, ${recording_url}`);
  });

  it('selects events by type in any spelling, by family, or all', () => {
    const chosen = (...events: string[]) => forwardConsumer({ url: '', events, key: KEY }, Date.now).wants;
    const types = ['call.failed', 'call.canceled', 'mms.received', 'email.opened'];
    assert.deepEqual(types.filter(chosen('call.failed', 'call.cancelled')), ['call.failed', 'call.canceled']);
    assert.deepEqual(types.filter(chosen('sms.*')), ['mms.received']);
    assert.deepEqual(types.filter(chosen('*')), types);
  });

  for (const status of [400, 404, 429, 500, 503]) {
    it(`fails with ${status}, and is to be retried`, async () => {
      const { url } = await target((response) =>
        response.writeHead(status, { 'retry-after': '120' }).end('no'),
      );
      await assert.rejects(
        async () => forwardTo(url).run(failed, contextOf()),
        (error: RunFailed) => {
          assert.equal(error.message, `FORWARD_URL answered ${status}`);
          assert.deepEqual([error.isFinal, error.retryAfterMs], [false, 120_000]);
          return true;
        },
      );
    });
  }

  it('gives up at once on a target that is gone', async () => {
    const { url } = await target((response) => response.writeHead(410).end());
    await assert.rejects(
      async () => forwardTo(url).run(failed, contextOf()),
      (error: RunFailed) => error instanceof RunFailed && error.isFinal,
    );
  });

  it('follows no redirect', async () => {
    const other = await target((response) => response.end());
    const { url } = await target((response) => response.writeHead(307, { location: other.url }).end());
    await assert.rejects(
      async () => forwardTo(url).run(failed, contextOf()),
      (error: RunFailed) => error.message.includes(`answered 307 with ${other.url}`) && !error.isFinal,
    );
    assert.equal(other.requests.length, 0);
  });

  it('fails if nothing is listening, and if it takes too long', async () => {
    const { url } = await target(() => {}); // never answers
    const abort = new AbortController();
    const slow = assert.rejects(
      async () => forwardTo(url).run(failed, contextOf(abort.signal)),
      /cannot be reached/,
    );
    abort.abort(new Error('it took too long'));
    await slow;
    await assert.rejects(
      async () => forwardTo('http://127.0.0.1:1/').run(failed, contextOf()),
      /^RunFailed: FORWARD_URL cannot be reached: (ECONNREFUSED|bad port)$/,
    );
  });

  it('does not read an endless answer', async () => {
    const { url } = await target((response) => {
      response.writeHead(200);
      const more = setInterval(() => response.write('x'.repeat(1024)), 1);
      response.on('close', () => clearInterval(more));
    });
    await forwardTo(url).run(failed, contextOf());
  });
});
