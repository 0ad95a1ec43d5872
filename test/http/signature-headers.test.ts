/** Every accepted form of the signature and its timestamp, and forms that only look similar. */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { generateSignature } from '../../src/core/event/signature.ts';
import { askRaw, membersOf, request } from '../support/raw.ts';
import { deliver, SECRET, startReceiver, type TestReceiver } from '../support/receiver.ts';

const NOW_S = 1_800_000_000;
const OLD_SECRET = '0a'.repeat(32);

let receiver: TestReceiver;
let sent = 0;

before(async () => {
  receiver = await startReceiver({
    // The last millisecond of the second, because the age is counted in whole seconds.
    now: () => NOW_S * 1000 + 999,
    env: { WEBHOOK_SECRET: `${SECRET}, ${OLD_SECRET}`, RATE_LIMIT_MAX: '0' },
  });
});
after(() => receiver.close());

/** The parts of one delivery’s headers; each test writes them in its own way. */
interface Parts {
  readonly body: string;
  /** 64 hex digits for `at`, by default now. */
  digest(at?: number | string, secret?: string): string;
}

/** Sends a new delivery with the header lines as given. @returns 200, or the refusal's message */
async function answerTo(spell: (parts: Parts) => readonly string[]): Promise<unknown> {
  sent += 1;
  const body = JSON.stringify({ event: 'call.dtmf', data: { call_uuid: `spelling-${sent}` } });
  const lines = spell({
    body,
    digest: (at = NOW_S, secret = SECRET) => generateSignature(body, secret, at),
  });
  const text = request('POST /webhooks HTTP/1.1', [...lines, `Content-Length: ${body.length}`], body);
  const answer = await askRaw(receiver.port, text);
  const members = membersOf(answer);
  const inLog = receiver.rows('SELECT seq FROM events WHERE CAST(body AS TEXT) = ?', body).length;
  assert.equal(inLog, answer.status === 200 ? 1 : 0);
  if (answer.status === 200) return 200;
  const { message, ...rest } = members;
  assert.deepEqual([answer.status, rest], [401, { error: 'Unauthorized' }]);
  return message;
}

const signature = (value: string) => `X-IRISX-Signature: ${value}`;
const stamp = (at: number | string = NOW_S) => `X-IRISX-Timestamp: ${at}`;

describe('a signature header', () => {
  const accepted: [string, (parts: Parts) => readonly string[]][] = [
    ['bare', ({ digest }) => [signature(digest()), stamp()]],
    ['with the prefix sha256=', ({ digest }) => [signature(`sha256=${digest()}`), stamp()]],
    ['with its timestamp inside', ({ digest }) => [signature(`t=${NOW_S},v1=${digest()}`)]],
    [
      'with its timestamp inside and the same one in a header',
      ({ digest }) => [signature(`t=${NOW_S},v1=${digest()}`), stamp()],
    ],
    ['under its second name', ({ digest }) => [`X-IRISX-Signature-256: sha256=${digest()}`, stamp()]],
    [
      'under both names, with the first valid: the first counts',
      ({ digest }) => [`X-IRISX-Signature-256: ${'0'.repeat(64)}`, signature(digest()), stamp()],
    ],
    [
      'in another letter case',
      ({ digest }) => [`x-IRISX-sIGNATURE: ${digest()}`, `x-irisx-TIMESTAMP: ${NOW_S}`],
    ],
    ['made with the second of two secrets', ({ digest }) => [signature(digest(NOW_S, OLD_SECRET)), stamp()]],
  ];
  for (const [spelling, spell] of accepted)
    it(`is accepted ${spelling}`, async () => assert.equal(await answerTo(spell), 200));

  const refused: [string, string, (parts: Parts) => readonly string[]][] = [
    ['that is empty', 'Missing signature header', () => ['X-IRISX-Signature:', stamp()]],
    ['of 63 digits', 'Invalid signature', ({ digest }) => [signature(digest().slice(1)), stamp()]],
    ['of 65 digits', 'Invalid signature', ({ digest }) => [signature(`${digest()}0`), stamp()]],
    ['with junk after it', 'Invalid signature', ({ digest }) => [signature(`${digest()}zz`), stamp()]],
    ['in upper case', 'Invalid signature', ({ digest }) => [signature(digest().toUpperCase()), stamp()]],
    [
      'with the prefix SHA256=',
      'Invalid signature',
      ({ digest }) => [signature(`SHA256=${digest()}`), stamp()],
    ],
    ['with the prefix sha1=', 'Invalid signature', ({ digest }) => [signature(`sha1=${digest()}`), stamp()]],
    [
      'in base64',
      'Invalid signature',
      ({ digest }) => [signature(Buffer.from(digest(), 'hex').toString('base64')), stamp()],
    ],
    [
      'made with an unknown secret',
      'Invalid signature',
      ({ digest }) => [signature(digest(NOW_S, 'unknown')), stamp()],
    ],
    [
      'made with the secret’s bytes instead of its text',
      'Invalid signature',
      ({ digest }) => [signature(digest(NOW_S, Buffer.from(SECRET, 'hex').toString('latin1'))), stamp()],
    ],
    ['made for another second', 'Invalid signature', ({ digest }) => [signature(digest(NOW_S - 1)), stamp()]],
    [
      'under both names, with the first invalid: the second does not help',
      'Invalid signature',
      ({ digest }) => [signature('0'.repeat(64)), `X-IRISX-Signature-256: ${digest()}`, stamp()],
    ],
    [
      'twice, both valid',
      'Invalid signature',
      ({ digest }) => [signature(digest()), signature(digest()), stamp()],
    ],
    [
      'twice, which would read as a timestamp and a digest if joined',
      'Invalid signature',
      ({ digest }) => [signature(`t=${NOW_S}`), signature(`v1=${digest()}`)],
    ],
    [
      'with a timestamp inside that differs from the one in the header',
      'Invalid timestamp',
      ({ digest }) => [signature(`t=${NOW_S},v1=${digest()}`), stamp(NOW_S - 1)],
    ],
    [
      'with a signed timestamp in the header that differs from the one inside',
      'Invalid timestamp',
      ({ digest }) => [signature(`t=${NOW_S - 1},v1=${digest()}`), stamp()],
    ],
    ['with two timestamps', 'Invalid timestamp', ({ digest }) => [signature(digest()), stamp(), stamp()]],
    ['with an empty timestamp', 'Missing timestamp header', ({ digest }) => [signature(digest()), stamp('')]],
    [
      'that is in a header named __proto__',
      'Missing signature header',
      ({ digest }) => [`__proto__: ${digest()}`, stamp()],
    ],
  ];
  for (const [what, message, spell] of refused)
    it(`${what} is refused: ${message}`, async () => assert.equal(await answerTo(spell), message));
});

describe('a correctly signed timestamp', () => {
  const milliseconds = 'Webhook timestamp is in milliseconds, seconds expected';
  const spellings: [string, unknown][] = [
    ['NaN', 'Invalid timestamp'],
    ['Infinity', 'Invalid timestamp'],
    ['1e9', 'Invalid timestamp'],
    ['18e8', 'Invalid timestamp'],
    [`${NOW_S}.0`, 'Invalid timestamp'],
    [`${NOW_S}.5`, 'Invalid timestamp'],
    [`-${NOW_S}`, 'Invalid timestamp'],
    [`+${NOW_S}`, 'Invalid timestamp'],
    [`0${NOW_S}`, 'Invalid timestamp'],
    ['999999999', 'Invalid timestamp'],
    ['0x6b49d200', 'Invalid timestamp'],
    [`${NOW_S}, ${NOW_S}`, 'Invalid timestamp'],
    ['1698765432abc', 'Invalid timestamp'],
    ['2027-01-15T08:00:00Z', 'Invalid timestamp'],
    [`${NOW_S}000`, milliseconds],
    [`${NOW_S}000000`, 'Invalid timestamp'],
  ];
  for (const [timestamp, expected] of spellings) {
    it(`of ${timestamp} is refused: ${expected}`, async () => {
      const beside = await answerTo(({ digest }) => [signature(digest(timestamp)), stamp(timestamp)]);
      assert.equal(beside, expected);
      if (timestamp.includes(',')) return;
      const inside = await answerTo(({ digest }) => [signature(`t=${timestamp},v1=${digest(timestamp)}`)]);
      assert.equal(inside, expected);
    });
  }

  const ages: [number, unknown][] = [
    [-301, 'Webhook timestamp too old'],
    [-300, 200],
    [-299, 200],
    [0, 200],
    [299, 200],
    [300, 200],
    [301, 'Webhook timestamp in the future'],
  ];
  for (const [difference, expected] of ages) {
    it(`of ${difference} s from now: ${expected}`, async () => {
      const at = NOW_S + difference;
      assert.equal(await answerTo(({ digest }) => [signature(digest(at)), stamp(at)]), expected);
    });
  }

  it('refused for its age causes a warning once per minute, with a hint about the clock', () => {
    const warnings = receiver.lines.filter((line) => line.includes('its timestamp is'));
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /WARN .*301 s old \(limit 300 s\).*clock/);
  });
});

it('MAX_AGE changes both limits', async () => {
  const strict = await startReceiver({ now: () => NOW_S * 1000, env: { MAX_AGE: '10' } });
  const statusAt = async (timestamp: number) =>
    (await deliver(strict, '{"event":"call.dtmf"}', { timestamp })).status;
  assert.deepEqual(
    await Promise.all([-11, -10, 10, 11].map((difference) => statusAt(NOW_S + difference))),
    [401, 200, 200, 401],
  );
  await strict.close();
});

it('with SKIP_SIGNATURE_VERIFICATION a delivery needs no headers at all', async () => {
  const open = await startReceiver({ env: { SKIP_SIGNATURE_VERIFICATION: 'true', NODE_ENV: 'development' } });
  const response = await fetch(`${open.url}/webhooks`, { method: 'POST', body: '{"event":"call.dtmf"}' });
  assert.equal(response.status, 200);
  assert.deepEqual(open.rows('SELECT type, signature FROM events'), [{ type: 'call.dtmf', signature: null }]);
  await open.close();
});
