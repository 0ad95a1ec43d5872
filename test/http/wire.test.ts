/** Cases that need raw bytes: Expect, odd targets, smuggling, pipelining, broken bodies and early refusals. */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  exchangeRaw,
  membersOf,
  openHalfSent,
  openRaw,
  type RawAnswer,
  request,
  signedLines,
  signedRequest,
} from '../support/raw.ts';
import { deliver, startReceiver, type TestReceiver } from '../support/receiver.ts';

const BODY_BYTES_MAX = 6 * 1024 * 1024;
const GOOD = '{"event":"call.dtmf","data":{"n":1}}';
const CLOSE = 'Connection: close';

let receiver: TestReceiver;

before(async () => {
  receiver = await startReceiver({ env: { RATE_LIMIT_MAX: '0', MAX_BODY_BYTES: String(BODY_BYTES_MAX) } });
});
after(() => receiver.close());

const recorded = () => Number(receiver.rows('SELECT count(*) AS n FROM events')[0]?.['n']);
const statusesOf = (answers: readonly RawAnswer[]) => answers.map(({ status }) => status);
let bodies = 0;
function newBody(): string {
  bodies += 1;
  return JSON.stringify({ event: 'call.dtmf', data: { body: bodies } });
}

/** Checks that the server is alive: it answers a valid delivery. */
async function isAlive(): Promise<void> {
  assert.equal((await deliver(receiver, newBody())).status, 200);
}

describe('Expect: 100-continue', () => {
  const expecting = (headers: readonly string[], path = '/webhooks') =>
    request(`POST ${path} HTTP/1.1`, ['Expect: 100-continue', ...headers]);

  for (const [what, path, headers, status] of [
    [
      'on a body over the limit',
      '/webhooks',
      [...signedLines(''), `Content-Length: ${BODY_BYTES_MAX + 1}`],
      413,
    ],
    ['without a signature', '/webhooks', ['Content-Length: 5'], 401],
    ['on an unknown path', '/x', ['Content-Length: 5'], 404],
  ] as const)
    it(`${what} is answered ${status} before a byte of the body is sent, without 100`, async () => {
      const answers = await exchangeRaw(receiver.port, expecting(headers, path));
      assert.deepEqual(statusesOf(answers), [status]);
      assert.equal(answers[0]?.headers['connection'], 'close');
    });

  it('on a chunked body that exceeds the limit is answered 413, and is read until the answer has arrived', async () => {
    const connection = await openRaw(receiver.port);
    connection.send(expecting([...signedLines(''), 'Transfer-Encoding: chunked']));
    assert.equal((await connection.next()).status, 100);
    const chunk = `${BODY_BYTES_MAX.toString(16)}\r\n${'x'.repeat(BODY_BYTES_MAX)}\r\n`;
    connection.send(chunk.repeat(20));
    const [answer, ...more] = await connection.rest();
    assert.equal(answer?.status, 413);
    assert.deepEqual(more, []);
  });

  it('with valid headers is answered 100, then 200', async () => {
    const body = newBody();
    const connection = await openRaw(receiver.port);
    connection.send(expecting([...signedLines(body), `Content-Length: ${body.length}`]));
    assert.equal((await connection.next()).status, 100);
    connection.send(body);
    const answer = await connection.next();
    assert.equal(answer.status, 200);
    assert.equal(membersOf(answer)['success'], true);
    connection.close();
  });

  it('of another kind is answered 417', async () => {
    const body = newBody();
    const before = recorded();
    const [answer] = await exchangeRaw(
      receiver.port,
      request(
        'POST /webhooks HTTP/1.1',
        ['Expect: tea', CLOSE, ...signedLines(body), `Content-Length: ${body.length}`],
        body,
      ),
    );
    assert.ok(answer);
    assert.equal(answer.status, 417);
    assert.deepEqual(membersOf(answer), { error: 'Expectation Failed' });
    assert.equal(recorded(), before);
  });
});

describe('GET on a webhook path', () => {
  const get = (target: string) => fetch(receiver.url + target);

  it('returns the challenge as plain text', async () => {
    for (const path of ['/webhooks', '/webhooks/', '/webhooks/calls', '/webhooks/sms']) {
      for (const challenge of [
        'abc123',
        'a b+c&d=é'.slice(0, 7),
        '<script>alert(1)</script>',
        '{"a":1}',
        '~',
      ]) {
        const response = await get(`${path}?other=1&challenge=${encodeURIComponent(challenge)}`);
        assert.equal(response.status, 200);
        assert.equal(await response.text(), challenge);
        assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8');
        assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
        assert.ok(response.headers.get('x-request-id'));
      }
    }
  });

  it('accepts a challenge of 256 characters and refuses 257, none, and unprintable ones', async () => {
    assert.equal(await (await get(`/webhooks?challenge=${'x'.repeat(256)}`)).text(), 'x'.repeat(256));
    assert.equal((await get(`/webhooks?challenge=${'x'.repeat(255)}`)).status, 200);
    for (const challenge of [
      'x'.repeat(257),
      '',
      'a%0d%0aSet-Cookie:x',
      'a%0a',
      '%00',
      '%1b[2J',
      '%C3%A9',
      '%7f',
      '%ff',
    ]) {
      const response = await get(`/webhooks?challenge=${challenge}`);
      assert.equal(response.status, 400, challenge);
      assert.deepEqual(await response.json(), {
        error: 'Bad Request',
        message: 'challenge must be 1 to 256 printable ASCII characters',
        request_id: response.headers.get('x-request-id'),
      });
    }
  });

  it('without a challenge lists the endpoints', async () => {
    const response = await get('/webhooks/sms/?x=challenge');
    const { endpoints } = (await response.json()) as { endpoints: { method: string; path: string }[] };
    assert.deepEqual(
      endpoints.map(({ method, path }) => `${method} ${path}`),
      ['POST /webhooks', 'POST /webhooks/calls', 'POST /webhooks/sms', 'GET /health'],
    );
  });

  it('also works as HEAD: the same headers and no body', async () => {
    for (const [target, status] of [
      ['/webhooks?challenge=abc', 200],
      ['/webhooks', 200],
      ['/health', 200],
      ['/no', 404],
    ] as const) {
      const connection = await openRaw(receiver.port);
      connection.send(request(`HEAD ${target} HTTP/1.1`, [CLOSE]));
      const answer = await connection.next(true);
      assert.equal(answer.status, status, target);
      assert.ok(answer.headers['x-request-id']);
      assert.ok(Number(answer.headers['content-length']) > 0);
      assert.equal(await connection.ended, 'end');
      assert.equal(connection.unread(), '');
      connection.close();
    }
  });
});

describe('the target of a signed delivery', () => {
  const statusOf = async (target: string, path = '/webhooks') => {
    const body = newBody();
    const text = signedRequest(body, { lines: [CLOSE] }).replace(`POST ${path}`, `POST ${target}`);
    const before = recorded();
    const [answer] = await exchangeRaw(receiver.port, text);
    assert.ok(answer);
    assert.equal(recorded() - before, answer.status === 200 ? 1 : 0);
    membersOf(answer);
    return answer.status;
  };

  it('may have one trailing slash and any query', async () => {
    for (const target of [
      '/webhooks',
      '/webhooks/',
      '/webhooks?a=1',
      '/webhooks/?a=/b/',
      '/webhooks/calls/',
      '/webhooks?',
    ])
      assert.equal(await statusOf(target), 200, target);
  });

  it('may be in absolute form, of which only the path counts', async () => {
    for (const target of [
      'http://localhost/webhooks',
      'http://elsewhere.example/webhooks',
      'HTTPS://Hooks.Example.com:443/webhooks',
      'http://localhost:/webhooks/',
      'http://127.0.0.1:3000/webhooks/sms?a=/b//c',
      'http://[::1]:3000/webhooks/calls/?',
      `http://${'a'.repeat(10_000)}/webhooks`,
    ])
      assert.equal(await statusOf(target), 200, target);
    const [last] = receiver.rows('SELECT path FROM events ORDER BY seq DESC LIMIT 1');
    assert.equal(last?.['path'], '/webhooks');
    for (const [target, status, text] of [
      ['http://localhost/webhooks/?challenge=abc', 200, 'abc'],
      ['http://localhost/health', 200, 'healthy'],
      ['https://[::1]/health/?x', 200, 'healthy'],
      ['http://localhost?challenge=abc', 404, '"Not Found"'],
    ] as const) {
      const [answer] = await exchangeRaw(receiver.port, request(`GET ${target} HTTP/1.1`, [CLOSE]));
      assert.equal(answer?.status, status, target);
      assert.ok(answer.body.includes(text), `${target}: ${answer.body}`);
    }
  });

  it('in any other form matches no endpoint', async () => {
    const targets = [
      '/webhooks//',
      '//webhooks',
      '//evil',
      '//evil/webhooks',
      '/%77ebhooks',
      '/Webhooks',
      '/webhooks/../webhooks',
      '/webhooks;a',
      '/webhooks%3f',
      'http://localhost//webhooks',
      'http://localhost/webhooks//',
      'http://localhost/Webhooks',
      'http://localhost/webhooks#a',
      'http://localhost#/webhooks',
      'http://localhost',
      'http://localhost?/webhooks',
      'http://user@localhost/webhooks',
      'http://user:word@localhost/webhooks',
      'http:///webhooks',
      'http://?/webhooks',
      'http://:80/webhooks',
      'http://[]/webhooks',
      'http://localhost:80:80/webhooks',
      'http://localhost:a/webhooks',
      'http://localhost\\@evil/webhooks',
      'http:/webhooks',
      'http:webhooks',
      'ftp://localhost/webhooks',
      'ws://localhost/webhooks',
      'file:///webhooks',
      'httpss://localhost/webhooks',
      'localhost/webhooks',
      'localhost:80',
      '/',
      '*',
      '/__proto__',
      '/constructor',
    ];
    for (const target of targets) {
      const status = await statusOf(target);
      assert.ok(status === 404 || status === 400, `${target}: ${status}`);
    }
  });

  it('is shown in a 404 without characters that control a terminal', async () => {
    const [answer] = await exchangeRaw(receiver.port, request('GET /\u00e9<script>%0a HTTP/1.1', [CLOSE]));
    assert.ok(answer);
    assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
  });
});

describe('a strange method', () => {
  for (const line of [
    'OPTIONS * HTTP/1.1',
    'TRACE /webhooks HTTP/1.1',
    'PATCH /health HTTP/1.1',
    'PROPFIND /webhooks HTTP/1.1',
  ]) {
    it(`(${line}) is 404 or 405`, async () => {
      const [answer] = await exchangeRaw(receiver.port, request(line, [CLOSE]));
      assert.ok(answer);
      assert.equal(answer.status, line.includes('*') ? 404 : 405);
      membersOf(answer);
    });
  }

  it('(CONNECT, or an unknown method) opens no tunnel', async () => {
    assert.deepEqual(await exchangeRaw(receiver.port, request('CONNECT localhost:80 HTTP/1.1')), []);
    const [answer] = await exchangeRaw(receiver.port, request('FROBNICATE /webhooks HTTP/1.1'));
    assert.equal(answer?.status, 400);
    await isAlive();
  });

  it('(an upgrade) is treated as an ordinary request', async () => {
    const [answer] = await exchangeRaw(
      receiver.port,
      request('GET /health HTTP/1.1', ['Connection: Upgrade, close', 'Upgrade: websocket']),
    );
    assert.equal(answer?.status, 200);
  });
});

describe('a request that two parsers could read differently', () => {
  const chunked = `${GOOD.length.toString(16)}\r\n${GOOD}\r\n0\r\n\r\n`;
  const signed = (headers: readonly string[], body = GOOD) =>
    request('POST /webhooks HTTP/1.1', [...signedLines(GOOD), ...headers], body);
  const length = `Content-Length: ${GOOD.length}`;
  const hostile: [string, string][] = [
    ['both lengths', signed([length, 'Transfer-Encoding: chunked'], chunked)],
    ['both lengths in the other order', signed(['Transfer-Encoding: chunked', length], chunked)],
    ['two different lengths', signed([length, 'Content-Length: 5'])],
    ['two equal lengths', signed([length, length])],
    ['a list of lengths', signed([`Content-Length: ${GOOD.length}, ${GOOD.length}`])],
    ['xchunked', signed(['Transfer-Encoding: xchunked'], chunked)],
    ['chunked that is not last', signed(['Transfer-Encoding: chunked, identity'], chunked)],
    ['chunked and another coding', signed(['Transfer-Encoding: chunked', 'Transfer-Encoding: x'], chunked)],
    ['a length of +n', signed([`Content-Length: +${GOOD.length}`])],
    ['a length of -1', signed(['Content-Length: -1'])],
    ['a hexadecimal length', signed([`Content-Length: 0x${GOOD.length.toString(16)}`])],
    ['a length beyond any integer', signed([`Content-Length: ${'9'.repeat(30)}`])],
    ['line ends with only LF', signed([length]).replaceAll('\r\n', '\n')],
    ['a header that ends in LF', signed([length]).replace('Host: localhost\r\n', 'Host: localhost\n')],
    ['a folded header', signed(['X-A: b\r\n folded: c', length])],
    ['a NUL in a header', signed(['X-A: b\0c', length])],
    ['a CR in a header', signed(['X-A: b\rX-B: c', length])],
    ['a space before a colon', signed(['Transfer-Encoding : chunked', length])],
    ['two hosts', signed(['Host: evil', length])],
    ['two equal hosts', signed(['host: localhost', length])],
    ['HTTP/0.9', 'POST /webhooks\r\n\r\n'],
    ['HTTP/2.0', signed([length]).replace('HTTP/1.1', 'HTTP/2.0')],
    ['HTTP/0.9 stated in the request line', signed([length]).replace('HTTP/1.1', 'HTTP/0.9')],
    ['an invalid chunk size', signed(['Transfer-Encoding: chunked'], `zz\r\n${GOOD}\r\n0\r\n\r\n`)],
    ['a chunk size with a sign', signed(['Transfer-Encoding: chunked'], `+${chunked}`)],
    [
      'a broken chunk after a valid start',
      signed(
        ['Transfer-Encoding: chunked'],
        `5\r\n${GOOD.slice(0, 5)}\r\nxyz\r\n${GOOD.slice(5)}\r\n0\r\n\r\n`,
      ),
    ],
    ['a chunk longer than its size', signed(['Transfer-Encoding: chunked'], `5\r\n${GOOD}\r\n0\r\n\r\n`)],
  ];

  for (const [what, text] of hostile) {
    it(`(${what}) is answered 400, closed, and has no effect`, async () => {
      const before = recorded();
      const answers = await exchangeRaw(receiver.port, text);
      assert.deepEqual(statusesOf(answers), [400]);
      for (const answer of answers) assert.deepEqual(membersOf(answer), { error: 'Bad Request' });
      assert.equal(recorded(), before);
    });
  }

  it('differs from plain requests with the same headers, which are accepted', async () => {
    const [plain] = await exchangeRaw(receiver.port, signed([CLOSE, length]));
    assert.equal(plain?.status, 200);
    const [inChunks] = await exchangeRaw(
      receiver.port,
      signed([CLOSE, 'Transfer-Encoding: chunked'], chunked),
    );
    assert.equal(inChunks?.status, 200);
    assert.equal(membersOf(inChunks as never)['duplicate'], true);
  });

  it('is split by its Content-Length if only its body is ambiguous: what follows is the next request', async () => {
    const short = signed([`Content-Length: ${GOOD.length - 1}`]);
    const answers = await exchangeRaw(receiver.port, short);
    assert.deepEqual(statusesOf(answers), [401, 400]);
  });
});

describe('a body that is incomplete', () => {
  it('is discarded: nothing is recorded, and the server stays alive', async () => {
    const before = recorded();
    const body = newBody();
    for (const text of [
      signedRequest(body).slice(0, -5),
      signedRequest(body).slice(0, -body.length),
      signedRequest(body).slice(0, 40),
      request(
        'POST /webhooks HTTP/1.1',
        [...signedLines(body), 'Transfer-Encoding: chunked'],
        `5\r\n${body.slice(0, 5)}\r\n`,
      ),
      request('POST /webhooks HTTP/1.1', [...signedLines(''), 'Transfer-Encoding: chunked']),
    ]) {
      for (const end of ['end', 'reset'] as const) {
        const connection = await openRaw(receiver.port);
        connection.send(text);
        if (end === 'end') connection.socket.end();
        else connection.socket.resetAndDestroy();
        await connection.ended;
        connection.close();
      }
    }
    await isAlive();
    assert.equal(recorded(), before + 1);
  });

  it('is logged as aborted', async (t) => {
    // A separate server: after many refusals in the same second the line would be counted, not written.
    const other = await startReceiver();
    t.after(() => other.close());
    const id = 'half-body';
    const { half } = await openHalfSent(other.port, newBody(), [`X-Request-Id: ${id}`]);
    half.socket.resetAndDestroy();
    await other.logged(`${id} aborted`);
  });
});

describe('requests on one connection', () => {
  it('are answered one after the other, and the connection is kept', async () => {
    const connection = await openRaw(receiver.port);
    for (let round = 0; round < 3; round++) {
      connection.send(signedRequest(newBody()));
      const answer = await connection.next();
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['connection'], 'keep-alive');
    }
    connection.close();
  });

  it('are each judged separately, in order: valid, badly signed, valid', async () => {
    const before = recorded();
    const bad = signedRequest(newBody(), { secret: 'another' });
    const answers = await exchangeRaw(
      receiver.port,
      signedRequest(newBody()) + bad + signedRequest(newBody(), { lines: [CLOSE] }),
    );
    assert.deepEqual(statusesOf(answers), [200, 401, 200]);
    assert.equal(recorded(), before + 2);
    const ids = new Set(answers.map(({ headers }) => headers['x-request-id']));
    assert.equal(ids.size, 3);
  });

  it('end with a malformed one, after the answers to the valid ones before it', async () => {
    const before = recorded();
    const answers = await exchangeRaw(
      receiver.port,
      `${signedRequest(newBody())}${signedRequest(newBody())}NONSENSE\r\n\r\n${signedRequest(newBody())}`,
    );
    assert.deepEqual(statusesOf(answers), [200, 200, 400]);
    for (const answer of answers) membersOf(answer);
    assert.equal(recorded(), before + 2);
  });

  it('are all answered if fifty arrive in one piece', async () => {
    const before = recorded();
    const texts = Array.from({ length: 49 }, () => signedRequest(newBody()));
    const answers = await exchangeRaw(
      receiver.port,
      texts.join('') + signedRequest(newBody(), { lines: [CLOSE] }),
    );
    assert.equal(answers.filter(({ status }) => status === 200).length, 50);
    const seqs = answers.map((answer) => membersOf(answer)['seq']);
    assert.deepEqual(
      seqs,
      Array.from({ length: 50 }, (_, index) => before + 1 + index),
    );
  });
});

it('an early refusal reaches a client that is still sending five megabytes, complete and without a reset', async () => {
  const piece = 'x'.repeat(5 * 1024 * 1024);
  const refusals: [string, number][] = [
    [request('POST /webhooks HTTP/1.1', [`Content-Length: ${piece.length}`]), 401],
    [request('POST /nowhere HTTP/1.1', [`Content-Length: ${piece.length}`]), 404],
    [request('POST /webhooks HTTP/1.1', [`Content-Length: ${BODY_BYTES_MAX + 1}`]), 413],
    [request('POST /webhooks HTTP/1.1', ['Content-Encoding: gzip', `Content-Length: ${piece.length}`]), 415],
    [
      request('POST /webhooks HTTP/1.1', ['X-IRISX-Signature: bad', 'Transfer-Encoding: chunked']) +
        `${piece.length.toString(16)}\r\n`,
      401,
    ],
  ];
  const refuse = async (round: number) => {
    const [head, status] = refusals[round % refusals.length] as [string, number];
    const connection = await openRaw(receiver.port);
    connection.send(head);
    connection.send(piece);
    const answers = await connection.rest();
    assert.deepEqual(
      answers.map((answer) => answer.status),
      [status],
      `round ${round}`,
    );
    assert.equal(await connection.ended, 'end', `round ${round}`);
    for (const answer of answers) assert.equal(answer.headers['connection'], 'close');
    connection.close();
  };
  for (let round = 0; round < 50; round += 10)
    await Promise.all(Array.from({ length: 10 }, (_, index) => refuse(round + index)));
});
