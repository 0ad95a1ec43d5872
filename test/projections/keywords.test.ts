import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keywordOf, OPT_IN, OPT_OUT } from '../../src/projections/keywords.ts';

const KEYWORDS = {
  'opt-out': ['STOP', 'STOPALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'REVOKE', 'OPTOUT'],
  'opt-in': ['START', 'UNSTOP', 'YES'],
  noted: ['HELP', 'INFO'],
};

describe('a keyword', () => {
  for (const [effect, words] of Object.entries(KEYWORDS)) {
    it(`with effect ${effect} is each of ${words.join(', ')}, in any case, with space around it`, () => {
      for (const word of words) {
        const mixed = word.slice(0, 1) + word.slice(1).toLowerCase();
        for (const message of [
          word,
          word.toLowerCase(),
          mixed,
          ` ${word}`,
          `${word}\r\n`,
          `\t${mixed}\u00a0\u2003`,
        ]) {
          assert.equal(keywordOf(message), word, JSON.stringify(message));
        }
        assert.equal(OPT_OUT.has(word), effect === 'opt-out');
        assert.equal(OPT_IN.has(word), effect === 'opt-in');
      }
    });
  }

  it('is not part of a sentence or a word, and has no period', () => {
    for (const words of Object.values(KEYWORDS)) {
      for (const word of words) {
        for (const message of [
          `please ${word}`,
          `${word} it`,
          `${word}.`,
          `${word}!`,
          `x${word}`,
          `${word}x`,
          `"${word}"`,
        ])
          assert.equal(keywordOf(message), undefined, message);
      }
    }
    for (const message of ['', ' ', 'S T O P', 'STOP\0', 'ＳＴＯＰ', 'ſtop2', '__proto__', 'constructor'])
      assert.equal(keywordOf(message), undefined, message);
    assert.equal(keywordOf(undefined), undefined);
  });

  it('does not depend on the locale of the machine: a dotted capital I is another letter', () => {
    assert.equal(keywordOf('info'), 'INFO');
    assert.equal(keywordOf('İNFO'), undefined);
  });
});
