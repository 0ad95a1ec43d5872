import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { comparedNumber } from '../../../src/core/event/phone-number.ts';
import { PHONE_NUMBER_CHARS_MAX } from '../../../src/core/limits.ts';
import { seededRandom } from '../../support/random.ts';

const SEED = 20_261_126;
const NUMBERS = 20_000;

function assertCompared(expected: string, ...spellings: string[]): void {
  for (const spelling of spellings)
    assert.equal(comparedNumber(spelling), expected, JSON.stringify(spelling));
}

describe('the compared form of a number', () => {
  it('is the same for all spellings of an international number', () => {
    assertCompared(
      '+15551230001',
      ...['+15551230001', '15551230001', '001 555 123 0001', '011 1 555 123 0001', '+1 (555) 123-0001'],
      ...[
        '+1.555.123.0001',
        '1/555/123/0001',
        '+1\u2011555\u2013123\u22120001',
        '+1\u00a0555\u202f123\u30000001',
      ],
      ...[
        '\u202a+15551230001\u202c',
        '+1555123\u200b0001',
        '＋１５５５１２３０００１',
        ' 1-555-123-0001\n',
        '\0+15551230001',
        '+15551230001\ufffd',
      ],
      ...['[+1] 555 1230001', '+1\u3164555\u28001230001', '+1 555 1230001\ufe0f'],
    );
    assertCompared(
      '+442079460000',
      '+44 (0)20 7946 0000',
      '+44(0)2079460000',
      '0044 (0) 20 7946 0000',
      '442079460000',
    );
    assertCompared(
      '+442079460000',
      '44 (0)20 7946 0000',
      '+44 （0）20 7946 0000',
      '+44\u00a0(\u200b0)20 7946-0000',
    );
    assertCompared('+4930123456', '004930123456', '+49 30 123456', '+49 (30) 123456');
  });

  it('of a national number and of a short code has no country code', () => {
    assertCompared('5557770001', '(555) 777-0001', '555.777.0001');
    assertCompared('12345', '12345', '12 345');
    assertCompared('03012345678', '03012345678', '(030) 12345678', '(0)30 12345678');
    assertCompared('01134960000', '0113 496 0000');
  });

  it('needs enough digits after an international prefix, and not too many', () => {
    assertCompared('001234567', '001234567');
    assertCompared('+12345678', '0012345678');
    assertCompared('011123456789', '011123456789');
    assertCompared('+1234567890', '0111234567890');
    assertCompared('1234567890', '1234567890');
    assertCompared('+12345678901', '12345678901');
    assertCompared('+123456789012345', '123456789012345');
    assertCompared('1234567890123456', '1234567890123456');
  });

  it('of a text with a letter or an @ is the text', () => {
    for (const sent of [
      'ACME-DE',
      'ACME DE',
      'acme',
      '1-800-FLOWERS',
      'a@b.example',
      '٠@',
      'Пример',
      'ＡＣＭＥ',
      '+1555x',
    ])
      assertCompared(sent, sent);
  });

  it('is never empty, and text without any digit stays as it is', () => {
    for (const sent of ['-', '()', '\u200b', ' ', '(0)']) assert.notEqual(comparedNumber(sent), '');
    assertCompared('--', '--');
    assertCompared('', '');
  });

  it('of a compared form is itself, and two E.164 numbers never have the same', () => {
    const random = seededRandom(SEED);
    const parts = [
      ...'0123456789',
      '00',
      '011',
      '(0)',
      '(',
      ')',
      '[',
      ' ',
      '-',
      '.',
      '+',
      '\u200b',
      'A',
      '@',
      '·',
      '０',
      '#',
      '٣',
    ];
    for (let round = 0; round < NUMBERS; round++) {
      const sent = Array.from({ length: 1 + random.below(20) }, () => random.pick(parts)).join('');
      const once = comparedNumber(sent);
      assert.notEqual(once, '', JSON.stringify(sent));
      assert.equal(comparedNumber(once), once, JSON.stringify(sent));
      const e164 = `+${1 + random.below(9)}${Array.from({ length: 6 + random.below(9) }, () => random.below(10)).join('')}`;
      assertCompared(e164, e164, e164.replace('+', ' + '), e164.replace(/\d$/, '\u200b-$&'));
      if (e164.length > 8) assertCompared(e164, e164.replace('+', '00'));
    }
  });

  it('is the text as sent if that is too long for a number, which takes no time', () => {
    const longest = `1555777000${' '.repeat(PHONE_NUMBER_CHARS_MAX - 11)}1`;
    assert.equal(comparedNumber(longest), '+15557770001');
    assert.equal(comparedNumber(` ${longest}`), ` ${longest}`);
    const accents = `1${'\u0316\u0301'.repeat(50_000)}`;
    const before = performance.now();
    assert.equal(comparedNumber(accents), accents);
    assert.ok(
      performance.now() - before < 1_000,
      'normalizing it takes 4 s, and a minute for a text of 1 MiB',
    );
  });
});
