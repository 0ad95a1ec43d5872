/** D24: bodies that are signed and strange. */

import assert from 'node:assert/strict';
import { fault } from '../support/fault.ts';
import { checkInvariants } from '../support/invariants.ts';
import { quantile } from '../support/load.ts';
import { startProber } from '../support/prober.ts';
import { deliver } from '../support/receiver.ts';

/** Of each body, so that what a busy machine adds now and then can be told from what the body costs. */
const TRIES = 9;
const BLOCKED_MS_MAX = 50;

const nested = (depth: number, open = '[', close = ']') => open.repeat(depth) + close.repeat(depth);
const call = (members: string) => `{"event":"call.completed","data":{"call_uuid":"strange",${members}}}`;

/** Name → the body of the n-th try. */
const BODIES: Readonly<Record<string, (n: number) => string | Buffer>> = {
  'invalid UTF-8': (n) => Buffer.from(call(`"n":${n},"from":"\xff\xfe\xc0\x80"`), 'latin1'),
  'a surrogate as raw bytes': (n) => Buffer.from(call(`"n":${n},"from":"\xed\xa0\x80"`), 'latin1'),
  'a byte order mark': (n) => `\ufeff${call(`"n":${n}`)}`,
  'a raw NUL': (n) => call(`"n":${n},"from":"\0"`),
  'an escaped NUL': (n) => call(`"n":${n},"from":"\\u0000"`),
  'NULs after the JSON': (n) => `${call(`"n":${n}`)}\0\0`,
  'a lone surrogate': (n) => call(`"n":${n},"from":"\\ud800"`),
  'double keys': (n) => call(`"n":${n},"from":"+1","from":"+2","call_uuid":"other"`),
  'depth 65': (n) => call(`"n":${n},"from":${nested(65)}`),
  'depth 5,000': (n) => call(`"n":${n},"from":${nested(5000)}`),
  'depth 5,000 of objects': (n) => call(`"n":${n},"x":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`),
  'depth 500,000': (n) => call(`"n":${n},"from":${nested(500_000)}`),
  'depth 1,000,000, unclosed': (n) => call(`"n":${n},"from":${'['.repeat(1_000_000)}`),
  '90,000 keys': (n) => call(`"n":${n},${Array.from({ length: 90_000 }, (_, i) => `"k${i}":0`).join()}`),
  '1e400': (n) => call(`"n":${n},"duration_seconds":1e400,"total_cost":-1e400`),
  '2^53+1': (n) => call(`"n":${n},"tenant_id":9007199254740993,"duration_seconds":9007199254740993`),
  __proto__: (n) => call(`"n":${n},"__proto__":{"from":"+1","isAdmin":true},"constructor":{"prototype":1}`),
  'a phone number as a number': (n) => call(`"n":${n},"from":15551230001,"to":1.5e10`),
  'no JSON': (n) => `${n} is no JSON {`,
  'an array': (n) => `[${n}]`,
};

/** With `JSON.parse(body.bytes.toString())` in http/receive.ts … */
fault(
  'D24',
  'strange bodies are recorded byte for byte, and none holds up the event loop for 50 ms',
  [],
  async (given) => {
    const { ledger } = given;
    const program = given.folder.start();
    const { port, url } = await program.listening();
    const prober = startProber({ port });
    given.after(() => prober.end());
    await prober.ready;

    const longest: number[] = [];
    let worst = { name: '', medianMs: 0 };
    for (const [name, bodyOf] of Object.entries(BODIES)) {
      const blockedMs: number[] = [];
      for (let n = 0; n < TRIES; n++) {
        const body = Buffer.from(bodyOf(n) as string);
        await prober.look();
        const { status, json } = await deliver({ url }, body);
        assert.equal(status, 200, `${name}: ${JSON.stringify(json)}`);
        const { probes, longestMs } = await prober.look();
        if (probes > 0) blockedMs.push(longestMs);
        const seq = json['seq'] as number;
        ledger.acknowledge(body, seq);
        const [row] = program.rows('SELECT body FROM events WHERE seq = ?', seq);
        assert.ok(body.equals(row?.['body'] as Buffer), `${name}: what is stored is what was sent`);
      }
      const medianMs = quantile(blockedMs, 0.5);
      if (medianMs > worst.medianMs) worst = { name, medianMs };
      longest.push(...blockedMs);
    }
    const p95Ms = quantile(longest, 0.95);
    assert.ok(
      worst.medianMs < BLOCKED_MS_MAX,
      `${worst.name}: the loop stood still for ${worst.medianMs} ms`,
    );
    assert.ok(p95Ms < BLOCKED_MS_MAX, `95 of 100 deliveries held up the loop for up to ${p95Ms} ms`);
    await prober.end();
    await checkInvariants(program, port, ledger);
    given.report(
      longest.length,
      `the slowest of ${Object.keys(BODIES).length} bodies (${worst.name}) held up a health check for ${worst.medianMs.toFixed(1)} ms; p95 ${p95Ms.toFixed(1)} ms, max ${Math.max(...longest).toFixed(0)} ms`,
    );
  },
);
