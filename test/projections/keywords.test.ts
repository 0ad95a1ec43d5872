import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keywordOf, OPT_IN, OPT_OUT, optOutWordOf } from '../../src/projections/keywords.ts';

const KEYWORDS = {
  'opt-out': [
    ...['STOP', 'STOPALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'REVOKE', 'OPTOUT', 'REMOVE', 'ARRET'],
    'TD',
  ],
  'opt-in': ['START', 'UNSTOP', 'YES'],
  noted: ['HELP', 'INFO'],
};
const ALL = Object.values(KEYWORDS).flat();
const MEGABYTE = 350_000; // of characters with three bytes

function assertKeyword(message: string, keyword: string | undefined): void {
  assert.equal(keywordOf(message), keyword, JSON.stringify(message.slice(0, 60)));
  if (keyword !== undefined) assert.equal(optOutWordOf(message), undefined, message.slice(0, 60));
}

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
          `\t${mixed}\u2003`,
        ])
          assertKeyword(message, word);
        assert.equal(OPT_OUT.has(word), effect === 'opt-out');
        assert.equal(OPT_IN.has(word), effect === 'opt-in');
      }
    });
  }

  it('may be spelled in the ways of phones and gateways', () => {
    for (const [keyword, spellings] of Object.entries({
      OPTOUT: [
        'OPT OUT',
        'OPT-OUT',
        'opt_out',
        'Opt\u2011Out',
        'OPT\u2212OUT',
        'opt \u2013 out',
        'O P T O U T',
      ],
      STOPALL: ['STOP ALL', 'stop-all', 'Stop\nall!'],
      ARRET: ['ARRET', 'ARRÊT', 'Arre\u0302t', 'arrêt.'],
      STOP: [
        ...[
          'STOP.',
          '"Stop"',
          '“Stop”',
          '«stop»',
          '(STOP)',
          '<STOP>',
          '`stop`',
          "'stop'",
          '*STOP*',
          'stop!!!',
          '$STOP=',
        ],
        ...[
          'STOP\u200b',
          '\ufeffSTOP',
          'S\u2060TOP',
          'STOP\u00ad',
          'STOP\ufe0f',
          '\u202dSTOP\u202c',
          'STOP\u2800',
        ],
        ...[
          'stop\u00a0',
          '\u3164STOP\u3164',
          'ST\uffa0OP\u115f',
          'STOP\0',
          '\u0002STOP\u0003',
          '...stop...',
          '- stop -',
          ' _stop_ ',
        ],
        ...[
          'ＳＴＯＰ',
          'ⓢⓣⓞⓟ',
          '𝐒𝐓𝐎𝐏',
          '🅂🅃🄾🄿'.normalize('NFKD'),
          'ſtop',
          'ﬆop',
          'ＳＴＯＰ．',
          '＂ＳＴＯＰ＂',
          'S\u0301T\u0308OP',
        ],
      ],
      INFO: ['info', 'İNFO', 'ınfo'],
    }))
      for (const message of spellings) assertKeyword(message, keyword);
  });

  it('is all of the message', () => {
    for (const word of ALL)
      for (const message of [
        `please ${word}`,
        `${word} it`,
        `${word}. Thank you`,
        `x${word}`,
        `${word}x`,
        `${word}1`,
      ])
        assertKeyword(message, undefined);
    for (const message of [
      '',
      ' ',
      '.',
      '🙂',
      'S.T.O.P',
      'STOP🙂',
      '🛑STOP',
      'STOP STOP',
      'СТОП',
      'ЅТОР',
      '⑴',
    ])
      assertKeyword(message, undefined);
    for (const message of ['__proto__', 'constructor', 'S', 'ST', 'STO']) assertKeyword(message, undefined);
    assert.equal(keywordOf(undefined), undefined);
  });

  it('is found next to a megabyte of invisible characters, and a megabyte of anything is read quickly', () => {
    for (const filler of ['\u200b', '\u200b \u034f', '.', ' - ', '\u0301']) {
      const long = filler.repeat(MEGABYTE / filler.length);
      assertKeyword(`STOP${long}`, 'STOP');
      assertKeyword(`${long}STOP`, 'STOP');
      assertKeyword(`STOP${long}it`, undefined);
    }
    for (const filler of ['😀', '´', '﹢', '\ufdfa', 'ⓢ', '\ufffd', '\u0378', 'stop', 'stop ', 's', '!s']) {
      const long = filler.repeat(MEGABYTE / filler.length);
      const startedAt = performance.now();
      for (const message of [long, `STOP${long}`, `STOP ${long}`]) {
        keywordOf(message);
        optOutWordOf(message);
      }
      assert.ok(performance.now() - startedAt < 1_000, filler);
    }
  });
});

describe('the opt-out word at the beginning of a longer message', () => {
  it('is found, whatever follows it', () => {
    for (const [word, messages] of Object.entries({
      STOP: [
        'Stop. Thank you',
        'stop it',
        'STOP 🙂',
        'STOP🙂',
        'Stop\nSent from my phone',
        'STOP, START',
        'stop stop',
      ],
      OPTOUT: ['OPT OUT please', 'opt-out, now'],
      STOPALL: ['Stop all of these', 'STOP.ALL'],
      UNSUBSCRIBE: ['“Unsubscribe” me'],
      END: ['End this'],
    }))
      for (const message of messages) assert.equal(optOutWordOf(message), word, message);
  });

  it('may have letters apart, or a picture before it', () => {
    for (const message of ['S.T.O.P', '🛑 STOP', '✋🏽 stop it', '🇺🇸STOP'])
      assert.equal(optOutWordOf(message), 'STOP', message);
  });

  it('is not the beginning of another word, and not an opt-in or noted word', () => {
    for (const message of [
      'Stopping by at 5',
      'Stop\u00adping',
      'stop2',
      'Endless',
      'ending',
      'tdc',
      'quite',
    ])
      assert.equal(optOutWordOf(message), undefined, message);
    for (const message of ['please stop', 'yes please', 'Start now', 'help me', 'Hello', '', 'STOP', 'stop.'])
      assert.equal(optOutWordOf(message), undefined, message);
    assert.equal(optOutWordOf(undefined), undefined);
  });
});
