import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generateSignature, matchesSignature } from '../../../src/core/event/signature.ts';
import { FIXTURE_SECRET, fixtures } from '../../support/fixtures.ts';

const BODY = '{"event":"call.completed"}';
const SECRET = 'an example secret';
const SIGNED_AT = '1705329131';
/** Computed with another program: `printf '1705329131.{…}' | openssl dgst -sha256 -hmac SECRET`. */
const DIGEST = 'aa0efdf0a756ac9099edfa8aa5ac62007bc64224727d8e2c160ba64613268f35';
const UNICODE_SECRET = 'clé ☎ 秘密 🔑';
const UNICODE_DIGEST = '651e9a89ac10d58454d06e80af1b56dac3bcdc1dd57203b1667c6464163ce7de';

const matches = (signature: string, secrets: readonly string[] = [SECRET], body: string | Buffer = BODY) =>
  matchesSignature(body, signature, SIGNED_AT, secrets);

describe('generateSignature', () => {
  it('gives the digest that another program computes', () => {
    assert.equal(generateSignature(BODY, SECRET, 1705329131), DIGEST);
  });

  it('gives the signatures that the real sender gave', () => {
    for (const { headers, body } of fixtures) {
      const named = Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
      );
      const signature = generateSignature(body, FIXTURE_SECRET, named['x-irisx-timestamp'] ?? '');
      assert.ok(named['x-irisx-signature']?.endsWith(signature), `${named['x-irisx-signature']}`);
    }
  });

  it('uses the secret as UTF-8 text, even if it is not ASCII', () => {
    assert.equal(generateSignature(BODY, UNICODE_SECRET, SIGNED_AT), UNICODE_DIGEST);
    assert.equal(matches(UNICODE_DIGEST, [UNICODE_SECRET]), true);
  });

  it('accepts the timestamp as a number or as digits', () => {
    assert.equal(generateSignature(BODY, SECRET, 1705329131), generateSignature(BODY, SECRET, '1705329131'));
  });

  it('gives the same signature for bytes and for the equivalent text', () => {
    const text = '{"message":"Café ☕"}';
    assert.equal(generateSignature(Buffer.from(text), SECRET, 1), generateSignature(text, SECRET, 1));
  });

  it('signs an object as JSON.stringify writes it', () => {
    const body = { event: 'sms.sent', data: { message: 'Café ☕', n: 1.5, none: null } };
    assert.equal(generateSignature(body, SECRET, 1), generateSignature(JSON.stringify(body), SECRET, 1));
  });
});

describe('matchesSignature', () => {
  it('accepts the right digest over the exact bytes', () => {
    assert.equal(matches(DIGEST), true);
    assert.equal(matches(DIGEST, [SECRET], Buffer.from(BODY)), true);
  });

  it('refuses a digest with any one of its 256 bits flipped', () => {
    for (let bit = 0; bit < 256; bit++) {
      const bytes = Buffer.from(DIGEST, 'hex');
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(matches(bytes.toString('hex')), false, `bit ${bit}`);
    }
  });

  it('refuses a body with any one of its bits flipped', () => {
    for (let bit = 0; bit < BODY.length * 8; bit++) {
      const bytes = Buffer.from(BODY);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(matches(DIGEST, [SECRET], bytes), false, `bit ${bit}`);
    }
  });

  it('refuses another timestamp, including one that moves the dot', () => {
    assert.equal(matchesSignature(BODY, DIGEST, '1705329132', [SECRET]), false);
    const shifted = generateSignature('7.body', SECRET, '170532913');
    assert.equal(matchesSignature('body', shifted, '1705329137', [SECRET]), false);
  });

  it('refuses 63 digits, 65 digits and an empty text', () => {
    assert.equal(matches(DIGEST.slice(0, 63)), false);
    assert.equal(matches(`${DIGEST}0`), false);
    assert.equal(matches(''), false);
  });

  it('refuses the right digest with junk after or before it', () => {
    for (const junk of ['zz', ' ', '\n', 'z', '==', '\0', '00'.repeat(32)]) {
      assert.equal(matches(DIGEST + junk), false, JSON.stringify(junk));
      assert.equal(matches(junk + DIGEST), false, JSON.stringify(junk));
    }
  });

  it('refuses 64 characters that are not all hex digits', () => {
    assert.equal(matches(`${DIGEST.slice(0, 62)}zz`), false);
    assert.equal(matches(`zz${DIGEST.slice(2)}`), false);
    assert.equal(matches(' '.repeat(64)), false);
  });

  it('refuses characters whose low byte alone looks like a hex digit', () => {
    const lookAlike = [...DIGEST].map((digit) => String.fromCharCode(digit.charCodeAt(0) + 0x100)).join('');
    assert.equal(lookAlike.length, 64);
    assert.equal(matches(lookAlike), false);
  });

  it('refuses the digest in base64', () => {
    assert.equal(matches(Buffer.from(DIGEST, 'hex').toString('base64')), false);
  });

  it('tries every secret, wherever it is in the list', () => {
    assert.equal(matches(DIGEST, ['old one', SECRET]), true);
    assert.equal(matches(DIGEST, [SECRET, 'new one']), true);
    assert.equal(matches(DIGEST, ['a', 'b', SECRET, 'c']), true);
    assert.equal(matches(DIGEST, ['old one', 'new one']), false);
  });

  it('accepts nothing without a secret', () => {
    assert.equal(matches(DIGEST, []), false);
  });
});
