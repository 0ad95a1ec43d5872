/**
 * Every kind of answer, each through a real request: status, body, and whether the delivery is in the log. Those to wrong
 * signatures and timestamps are in signature-headers.test.ts.
 */

import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { REFUSALS, refuse } from '../../src/http/answers.ts';
import {
  askRaw,
  exchangeRaw,
  forgedRequest,
  membersOf,
  openRaw,
  request,
  signedLines,
  signedRequest,
} from '../support/raw.ts';
import {
  deliver,
  type JsonAnswer,
  post,
  signedHeaders,
  startReceiver,
  type TestReceiver,
} from '../support/receiver.ts';

const NOW_S = 1_800_000_000;
const BODY_BYTES_MAX = 2048;

let receiver: TestReceiver;
let call = 0;

before(async () => {
  receiver = await startReceiver({
    now: () => NOW_S * 1000,
    env: { MAX_BODY_BYTES: String(BODY_BYTES_MAX), RATE_LIMIT_MAX: '0' },
  });
});
after(() => receiver.close());

const recorded = () => Number(receiver.rows('SELECT count(*) AS n FROM events')[0]?.['n']);
const send = (body: string | object, options: Parameters<typeof deliver>[2] = {}) =>
  deliver(receiver, body, { timestamp: NOW_S, ...options });

/** A body that no other test sends. */
function newCall(type = 'call.completed', data: Record<string, unknown> = {}): object {
  call += 1;
  return { event: type, timestamp: '2027-01-15T08:00:00Z', data: { call_uuid: `call-${call}`, ...data } };
}

/** Runs a request that must leave no trace in the log. */
async function leavingNoTrace<T>(run: () => Promise<T>): Promise<T> {
  const before = recorded();
  const result = await run();
  assert.equal(recorded(), before);
  return result;
}

describe('the table of refusals', () => {
  it('has for each code a status that says "send it again", and a text', () => {
    for (const [code, refusal] of Object.entries(REFUSALS)) {
      const { error } = refuse(code as keyof typeof REFUSALS).body as { error: string };
      assert.match(code, /^[a-z_]+$/);
      assert.ok(refusal.status >= 400 && refusal.status < 600, code);
      assert.notEqual(refusal.status, 410, code);
      assert.notEqual(refusal.status, 500, code);
      assert.ok(error.length > 0, code);
    }
  });

  it('gives the standard text of the status as the error, and Retry-After with every 503', () => {
    const texts: Record<number, string> = {
      400: 'Bad Request',
      401: 'Unauthorized',
      404: 'Not Found',
      405: 'Method Not Allowed',
      408: 'Request Timeout',
      413: 'Payload Too Large',
      415: 'Unsupported Media Type',
      417: 'Expectation Failed',
      429: 'Too Many Requests',
      431: 'Request Header Fields Too Large',
      503: 'Service Unavailable',
    };
    for (const code of Object.keys(REFUSALS) as (keyof typeof REFUSALS)[]) {
      const answer = refuse(code);
      const { error } = answer.body as { error: string };
      assert.equal(error, texts[answer.status], code);
      assert.equal(answer.headers?.['Retry-After'], answer.status === 503 ? '1' : undefined, code);
      assert.equal(answer.code, code);
    }
  });
});

describe('a delivery that is signed', () => {
  it('is recorded and answered 200 with its type and seq', async () => {
    const answer = await send(newCall('call.initiated'));
    assert.equal(answer.status, 200);
    assert.deepEqual(membersOf(answer), {
      success: true,
      message: 'Webhook processed',
      event: 'call.initiated',
      seq: recorded(),
      duplicate: false,
    });
  });

  it('is also answered 200 if its type has no table or is unknown, or if it is a test', async () => {
    for (const body of [
      newCall('call.dtmf'),
      newCall('weather.changed'),
      { event: 'call.completed', event_id: 'test_1', timestamp: NOW_S, data: { test: true, message: 'hi' } },
    ]) {
      const answer = await send(body);
      assert.equal(answer.status, 200);
      assert.equal(membersOf(answer)['success'], true);
    }
    assert.deepEqual(receiver.rows('SELECT * FROM failures'), []);
  });

  it('is recorded once however often it arrives, whatever the event, id, time and path', async () => {
    const body = newCall('call.answered');
    const first = await send(body, {
      headers: { 'X-IRISX-Event': 'call.answered', 'X-IRISX-Event-ID': 'a' },
    });
    const before = recorded();
    const repeats = [
      {},
      { headers: { 'X-IRISX-Event': 'call.answered', 'X-IRISX-Event-ID': 'b' } },
      { headers: { 'X-IRISX-Event': 'sms.received', 'X-IRISX-Event-ID': 'a' } },
      { timestamp: NOW_S - 60 },
      { path: '/webhooks/calls' },
      { path: '/webhooks/?again=1' },
    ];
    for (const options of repeats) {
      const again = await send(body, options);
      assert.equal(again.status, 200);
      assert.deepEqual(membersOf(again), {
        success: true,
        message: 'Webhook processed',
        event: 'call.answered',
        seq: first.json['seq'],
        duplicate: true,
      });
    }
    assert.equal(recorded(), before);
    assert.equal(
      receiver.lines.filter((line) => line.includes('with a different X-IRISX-Event (sms.received)')).length,
      1,
    );
  });

  it('is recorded and answered 200 with the reason if no table can use its data', async () => {
    const cases: [string | object, string | null, string | RegExp][] = [
      [newCall('call.completed', { call_uuid: [1] }), 'call.completed', /^call_uuid must be text or /],
      [{ event: 'call.completed', data: { tenant_id: 'nobody' } }, 'call.completed', /call_uuid/],
      ['not json', null, 'the body is not valid JSON'],
      ['[1,2]', null, /^the body must be a JSON object/],
      ['{"data":{"a":1}}', null, /^the event type is missing/],
      ['', null, 'the body is empty'],
    ];
    for (const [body, type, reason] of cases) {
      const before = recorded();
      const answer = await send(body);
      const { error, ...rest } = membersOf(answer);
      assert.equal(answer.status, 200);
      assert.deepEqual(rest, { success: false, event: type, seq: before + 1, duplicate: false });
      if (typeof reason === 'string') assert.equal(error, reason);
      else assert.match(String(error), reason);
      assert.equal(recorded(), before + 1);
      assert.equal(
        receiver.rows('SELECT error FROM failures WHERE seq = ?', before + 1)[0]?.['error'],
        error,
      );

      const again = membersOf(await send(body));
      assert.deepEqual(again, { success: false, error, event: type, seq: before + 1, duplicate: true });
    }
  });

  it('is folded without the values that are unusable, which the answer and its repetition name', async () => {
    const data = { duration_seconds: 115, total_cost: '$0.05', from_number: {}, started_at: 'soon' };
    const body = { ...newCall('call.completed', data), timestamp: 'yesterday' };
    const { seq, ...answer } = membersOf(await send(body));
    const warnings = [
      'from_number must be text or a whole number from 0 to 2^53 - 1, got an object',
      'started_at must be an ISO 8601 or RFC 2822 date or a Unix time, from 2000 to 2100, got text',
      'timestamp must be an ISO 8601 or RFC 2822 date or a Unix time, from 2000 to 2100, got text',
      'total_cost must be an amount, got text',
    ];
    const expected = { success: true, message: 'Webhook processed', event: 'call.completed', warnings };
    assert.deepEqual(answer, { ...expected, duplicate: false });
    assert.deepEqual(membersOf(await send(body)), { ...expected, seq, duplicate: true });
    assert.deepEqual(
      receiver.rows('SELECT stage, field FROM failures WHERE seq = ? ORDER BY stage, field', Number(seq)),
      [
        ...['from_number', 'started_at', 'total_cost'].map((field) => ({ stage: 'calls', field })),
        ...['started_at', 'timestamp'].map((field) => ({ stage: 'parse', field })),
      ],
    );
    assert.deepEqual(
      receiver.rows('SELECT status, duration_seconds FROM calls ORDER BY last_seq DESC LIMIT 1'),
      [{ status: 'completed', duration_seconds: 115 }],
    );
  });

  it('is recorded and folded, with one warning, if its endpoint is for another family', async () => {
    const warnings = () => receiver.lines.filter((line) => line.includes('which is for'));
    const sms = { event: 'sms.sent', data: { message_id: 'SM-family', to: '+15551230001' } };
    const answer = await send(sms, { path: '/webhooks/calls' });
    assert.equal(answer.status, 200);
    assert.equal(membersOf(answer)['success'], true);
    assert.equal(receiver.rows("SELECT * FROM sms_messages WHERE message_id = 'SM-family'").length, 1);
    assert.equal(warnings().length, 1);
    assert.match(warnings()[0] ?? '', /WARN .* sms\.sent was sent to \/webhooks\/calls/);

    await send(newCall('call.ringing'), { path: '/webhooks/sms' });
    assert.equal(warnings().length, 2);
    for (const type of ['call.ringing', 'recording.complete', 'transcription.completed'])
      await send(newCall(type, { recording_id: `r-${call}` }), { path: '/webhooks/calls' });
    await send({ event: 'mms.sent', data: { message_id: 'SM-mms' } }, { path: '/webhooks/sms' });
    await send(newCall('call.ringing'), { path: '/webhooks' });
    assert.equal(warnings().length, 2);
  });

  it('needs no content type', async () => {
    const body = JSON.stringify(newCall());
    const headers = { ...signedHeaders(body, { timestamp: NOW_S }), 'Content-Type': 'text/plain' };
    assert.equal((await post(receiver, body, headers)).status, 200);
  });
});

describe('a delivery that is refused', () => {
  const refusals: [string, number, Record<string, unknown>, (body: string) => Promise<JsonAnswer>][] = [
    [
      'without a signature',
      401,
      { error: 'Unauthorized', message: 'Missing signature header' },
      (body) => post(receiver, body, { 'X-IRISX-Timestamp': String(NOW_S) }),
    ],
    [
      'without a timestamp',
      401,
      { error: 'Unauthorized', message: 'Missing timestamp header' },
      (body) => post(receiver, body, { 'X-IRISX-Signature': 'a'.repeat(64) }),
    ],
    [
      'with a wrong signature',
      401,
      { error: 'Unauthorized', message: 'Invalid signature' },
      (body) => send(body, { secret: 'another' }),
    ],
    [
      'that is too old and badly signed (only the sender learns about the clock)',
      401,
      { error: 'Unauthorized', message: 'Invalid signature' },
      (body) => send(body, { timestamp: NOW_S - 301, secret: 'another' }),
    ],
    [
      'with a content encoding',
      415,
      { error: 'Unsupported Media Type', message: 'Content-Encoding must be identity' },
      (body) => send(body, { headers: { 'Content-Encoding': 'gzip' } }),
    ],
    [
      'on an unknown path',
      404,
      { error: 'Not Found', path: '/webhooks/other' },
      (body) => send(body, { path: '/webhooks/other?x=1' }),
    ],
    ['on /health', 405, { error: 'Method Not Allowed' }, (body) => send(body, { path: '/health' })],
  ];
  for (const [what, status, expected, run] of refusals) {
    it(`${what} is answered ${status}, and not recorded`, async () => {
      const answer = await leavingNoTrace(() => run(JSON.stringify(newCall())));
      assert.equal(answer.status, status);
      assert.deepEqual(membersOf(answer), expected);
    });
  }

  it('because of its method gets the allowed methods', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const response = await leavingNoTrace(() => fetch(`${receiver.url}/webhooks`, { method }));
      assert.equal(response.status, 405);
      assert.equal(response.headers.get('allow'), 'GET, HEAD, POST');
      assert.deepEqual(await response.json(), {
        error: 'Method Not Allowed',
        request_id: response.headers.get('x-request-id'),
      });
    }
    const health = await fetch(`${receiver.url}/health`, { method: 'POST' });
    assert.equal(health.headers.get('allow'), 'GET, HEAD');
  });

  it('is not refused if its content encoding is "identity", which is the default', async () => {
    const answer = await send(newCall(), { headers: { 'Content-Encoding': 'Identity' } });
    assert.equal(answer.status, 200);
  });
});

describe('a body at the limit', () => {
  const bodyOf = (bytes: number) => {
    const start = JSON.stringify(newCall());
    return start + ' '.repeat(bytes - start.length);
  };

  for (const [difference, status] of [
    [-1, 200],
    [0, 200],
    [1, 413],
  ] as const) {
    const name = difference === 0 ? 'limit' : `limit ${difference > 0 ? '+' : '−'} 1`;
    it(`by Content-Length, at the ${name}: ${status}`, async () => {
      const before = recorded();
      const answer = await send(bodyOf(BODY_BYTES_MAX + difference));
      assert.equal(answer.status, status);
      if (status === 413) {
        assert.deepEqual(membersOf(answer), { error: 'Payload Too Large' });
        assert.equal(answer.headers.get('connection'), 'close');
      }
      assert.equal(recorded(), before + (status === 200 ? 1 : 0));
    });

    it(`by chunks, at the ${name}: ${status}`, async () => {
      const before = recorded();
      const body = bodyOf(BODY_BYTES_MAX + difference);
      const headers = signedLines(body, { timestamp: NOW_S });
      const connection = await openRaw(receiver.port);
      const half = 1000;
      const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
      connection.send(request('POST /webhooks HTTP/1.1', [...headers, 'Transfer-Encoding: chunked']));
      connection.send(chunk(body.slice(0, half)));
      connection.send(`${chunk(body.slice(half))}0\r\n\r\n`);
      const answer = await connection.next();
      assert.equal(answer.status, status);
      const body413 = membersOf(answer);
      if (status === 413) {
        assert.deepEqual(body413, { error: 'Payload Too Large' });
        assert.equal(await connection.ended, 'end');
      }
      connection.close();
      assert.equal(recorded(), before + (status === 200 ? 1 : 0));
    });
  }
});

describe('the order of the guards', () => {
  /** The status of a request with all the faults in the given lines, which the first guard decides. */
  async function statusOf(line: string, headers: readonly string[]): Promise<number> {
    const answer = await askRaw(receiver.port, request(line, headers));
    membersOf(answer);
    return answer.status;
  }
  const tooLong = `Content-Length: ${BODY_BYTES_MAX + 1}`;
  const encoded = 'Content-Encoding: br';

  it('is 404, 405, 415, 413, 401, whatever else is wrong', async () => {
    assert.equal(await statusOf('PUT /other HTTP/1.1', [encoded, tooLong]), 404);
    assert.equal(await statusOf('PUT /webhooks HTTP/1.1', [encoded, tooLong]), 405);
    assert.equal(await statusOf('POST /webhooks HTTP/1.1', [encoded, tooLong]), 415);
    assert.equal(await statusOf('POST /webhooks HTTP/1.1', [tooLong]), 413);
    assert.equal(await statusOf('POST /webhooks HTTP/1.1', ['Content-Length: 5']), 401);
  });

  it('checks the body’s limit before its digest, and the digest before the age', async () => {
    const big = 'x'.repeat(BODY_BYTES_MAX + 1);
    assert.equal((await send(big, { secret: 'another' })).status, 413);
  });
});

describe('what node:http itself would answer', () => {
  async function answerTo(bytes: string): Promise<[number, Record<string, unknown>]> {
    const connection = await openRaw(receiver.port);
    connection.send(bytes);
    const answer = await connection.next();
    assert.equal(await connection.ended, 'end');
    connection.close();
    return [answer.status, membersOf(answer)];
  }

  it('is 400 with a request id for bytes that are not HTTP', async () => {
    assert.deepEqual(await answerTo('nonsense\r\n\r\n'), [400, { error: 'Bad Request' }]);
  });

  it('is 400 with a request id for HTTP/1.1 without a Host', async () => {
    const signed = signedRequest(JSON.stringify(newCall()), { timestamp: NOW_S });
    const answer = await leavingNoTrace(() => answerTo(signed.replace('Host: localhost\r\n', '')));
    assert.deepEqual(answer, [400, { error: 'Bad Request' }]);
  });

  it('is 431 with a request id beyond 16 KiB of headers, and not below', async () => {
    const filled = (bytes: number) =>
      request('GET /health HTTP/1.1', ['Connection: close', `X-Filler: ${'x'.repeat(bytes)}`]);
    assert.deepEqual(await answerTo(filled(17 * 1024)), [431, { error: 'Request Header Fields Too Large' }]);
    assert.equal((await answerTo(filled(15 * 1024)))[0], 200);
  });

  it('is not a limit on the number of headers: 1,100 are all read', async () => {
    const many = Array.from({ length: 1100 }, (_, index) => `A${index}: x`);
    const body = JSON.stringify(newCall());
    const text = signedRequest(body, { timestamp: NOW_S, lines: ['Connection: close'] });
    const [status] = await answerTo(
      text.replace('Host: localhost', ['Host: localhost', ...many].join('\r\n')),
    );
    assert.equal(status, 200);
  });
});

describe('a client’s X-Request-Id', () => {
  const NEW_ID = /^req-[0-9a-f]{8}-[0-9a-z]+$/;
  const idFor = async (url: string, sent: string) => {
    const response = await fetch(`${url}/health`, { headers: { 'X-Request-Id': sent } });
    const { request_id } = (await response.json()) as { request_id: string };
    assert.equal(response.headers.get('x-request-id'), request_id);
    return request_id;
  };
  const start = async (t: TestContext, env: Record<string, string>) => {
    const started = await startReceiver({ env });
    t.after(() => started.close());
    return started;
  };

  it('from a trusted proxy is kept if it is plain, and replaced otherwise', async () => {
    assert.equal(await idFor(receiver.url, 'proxy-7.a_B'), 'proxy-7.a_B');
    assert.equal(await idFor(receiver.url, 'x'.repeat(64)), 'x'.repeat(64));
    for (const hostile of ['x'.repeat(65), 'a b', '"', '<b>', 'ü'])
      assert.match(await idFor(receiver.url, hostile), NEW_ID);
    const [answer] = await exchangeRaw(
      receiver.port,
      request('GET /health HTTP/1.1', ['X-Request-Id: one', 'X-Request-Id: two', 'Connection: close']),
    );
    assert.match(answer?.headers['x-request-id'] ?? '', NEW_ID);
  });

  it('from anybody else is replaced, in every answer and whatever else the client sends', async (t) => {
    const { port } = await start(t, { TRUST_PROXY: '10.0.0.0/8' });
    const sent = ['X-Request-Id: chosen', 'X-Forwarded-For: 10.0.0.1', 'Connection: close'];
    for (const [text, status] of [
      [signedRequest('{"event":"call.dtmf","data":{"id":"chosen"}}', { lines: sent }), 200],
      [request('GET /health HTTP/1.1', sent), 200],
      [request('GET /webhooks?challenge=x HTTP/1.1', sent), 200],
      [request('GET /nowhere HTTP/1.1', sent), 404],
      [request('DELETE /webhooks HTTP/1.1', sent), 405],
      [request('POST /webhooks HTTP/1.1', [...sent, 'Expect: tea']), 417],
      [request('GET /health HTTP/1.1', [...sent, 'Host: another']), 400],
      [forgedRequest([...sent, 'Transfer-Encoding: chunked'], 'no chunk\r\n'), 400],
    ] as const) {
      const [answer] = await exchangeRaw(port, text);
      assert.equal(answer?.status, status, text);
      assert.match(answer.headers['x-request-id'] ?? '', NEW_ID, text);
      assert.doesNotMatch(answer.body, /chosen/);
    }
  });

  it('from a trusted IPv4 proxy is kept even if its address appears as IPv6', async (t) => {
    const { port } = await start(t, { HOST: '::', TRUST_PROXY: '127.0.0.1' });
    assert.equal(await idFor(`http://127.0.0.1:${port}`, 'mapped'), 'mapped');
    assert.match(await idFor(`http://[::1]:${port}`, 'not-trusted'), NEW_ID);
  });
});
