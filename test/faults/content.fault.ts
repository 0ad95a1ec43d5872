/** D24: verified bodies with any content are recorded in the log, and break nothing. */

import assert from 'node:assert/strict';
import { openRaw, request } from '../support/raw.ts';
import { deliver } from '../support/receiver.ts';
import { fault } from './support/fault.ts';
import { checkInvariants } from './support/invariants.ts';

const BLOCKED_MS_MAX = 50;
const TRIES = 3;

const nested = (depth: number, open: string, close: string) => `${open.repeat(depth)}1${close.repeat(depth)}`;
const inCall = (fields: string) => `{"event":"call.completed","data":{"call_uuid":"c",${fields}}}`;

/** Bodies by what is odd about them. Each function makes a different body for each try. */
const BODIES: Readonly<Record<string, (n: number) => string | Uint8Array>> = {
  'invalid UTF-8': (n) => Buffer.concat([Buffer.from(`{"n":${n},"event":"`), Buffer.from([0xc3, 0x28])]),
  'a byte order mark': (n) => `\ufeff${inCall(`"n":${n}`)}`,
  NUL: (n) => inCall(`"hangup_cause":"a\\u0000b","n":${n}`),
  'raw NUL': (n) => inCall(`"hangup_cause":"a\0b","n":${n}`),
  'a lone surrogate': (n) => inCall(`"hangup_cause":"\\ud800","n":${n}`),
  'double keys': (n) => inCall(`"duration":1,"duration":2,"n":${n}`),
  'depth 65': (n) => inCall(`"n":${n},"deep":${nested(65, '[', ']')}`),
  'depth 5,000': (n) => inCall(`"n":${n},"deep":${nested(5000, '{"a":', '}')}`),
  // As deep as the largest body can be.
  'depth 500,000': (n) => inCall(`"n":${n},"deep":${nested(500_000, '[', ']')}`),
  'depth 1,000,000, unfinished': (n) => `${n}${'['.repeat(1_000_000)}`,
  '1e400': (n) => inCall(`"duration":1e400,"n":${n}`),
  '2^53 + 1': (n) => inCall(`"duration":9007199254740993,"n":${n}`),
  'a key __proto__': (n) => inCall(`"__proto__":{"duration":7},"constructor":1,"n":${n}`),
  'a phone number that is a number': (n) => inCall(`"from":491701234567,"n":${n}`),
  'a megabyte of text': (n) => inCall(`"n":${n},"hangup_cause":"${'x'.repeat(1_000_000)}"`),
};

/**
 * Seen to fail with the body converted to a string before storing in append-batch.ts: the bytes of invalid UTF-8 were
 * changed. And with the body parsed on the main thread in receive.ts: 503, internal_error.
 */
fault('D24', 'bodies with any content are stored unchanged and block nothing', [], async (given) => {
  const { folder, port, ledger } = given;
  const program = folder.start();
  await program.listening();
  const prober = await openRaw(port);
  given.after(() => prober.close());
  const probed = async () => {
    const startedMs = performance.now();
    prober.send(request('GET /health HTTP/1.1'));
    assert.equal((await prober.next()).status, 200);
    return performance.now() - startedMs;
  };

  let worst = { ms: 0, what: '' };
  for (const [what, make] of Object.entries(BODIES)) {
    // The best of several tries, because delays of a busy machine are not caused by the body.
    let blockedMs = Number.POSITIVE_INFINITY;
    for (let n = 0; n < TRIES; n++) {
      const body = Buffer.from(make(n));
      let isAnswered = false;
      const answer = deliver({ url: `http://127.0.0.1:${port}` }, body).finally(() => {
        isAnswered = true;
      });
      let longestMs = 0;
      while (!isAnswered) longestMs = Math.max(longestMs, await probed());
      const { status, json } = await answer;
      assert.equal(status, 200, what);
      ledger.acknowledge(body, json['seq'] as number);
      const stored = program.rows('SELECT body FROM events WHERE seq = ?', json['seq'])[0]?.['body'];
      assert.ok(body.equals(stored as Uint8Array), `${what}: the stored bytes differ`);
      blockedMs = Math.min(blockedMs, longestMs);
    }
    assert.ok(blockedMs < BLOCKED_MS_MAX, `${what}: the event loop was blocked for ${blockedMs} ms`);
    if (blockedMs > worst.ms) worst = { ms: blockedMs, what };
  }
  const { events } = await checkInvariants(program, given);
  given.report(
    TRIES * Object.keys(BODIES).length,
    `${events} events, bytes exact; event loop blocked ${worst.ms.toFixed(0)} ms at most (${worst.what})`,
  );
});
