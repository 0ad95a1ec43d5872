import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LOGGED_TEXT_CHARS_MAX } from '../../src/core/limits.ts';
import {
  createLogger,
  harmless,
  isoTime,
  LOG_LEVELS,
  type LogFormat,
  type LogLevel,
} from '../../src/core/logger.ts';

/** All characters that end a line, move a cursor or reverse text. */
const DANGEROUS = [
  ...Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)),
  ...Array.from({ length: 33 }, (_, n) => String.fromCharCode(0x7f + n)),
  '\u00ad',
  '\u061c',
  '\u200b',
  '\u200e',
  '\u200f',
  '\u2028',
  '\u2029',
  '\u202a',
  '\u202e',
  '\u2066',
  '\u2069',
  '\ufeff',
];

function lines(format: LogFormat, level: LogLevel = 'debug') {
  const written: string[] = [];
  const log = createLogger(
    level,
    format,
    () => 1_705_329_131_007,
    (line) => written.push(line),
  );
  return { log, written };
}

describe('harmless', () => {
  it('leaves ordinary text of any language unchanged', () => {
    for (const text of ['', 'call.completed', '/webhooks/calls?x=1', 'Café ☕ — “ja” 日本語 😀', 'עברית']) {
      assert.equal(harmless(text), text);
    }
  });

  it('writes control and formatting characters as \\u escapes', () => {
    assert.equal(harmless('a\r\nb'), 'a\\u000d\\u000ab');
    assert.equal(harmless('\u001b[2J'), '\\u001b[2J');
    assert.equal(harmless('a\u2028b\u2029'), 'a\\u2028b\\u2029');
    assert.equal(harmless('abc\u202ecba'), 'abc\\u202ecba');
    assert.equal(harmless('\0'), '\\u0000');
    for (const character of DANGEROUS) {
      assert.match(harmless(`a${character}b`), /^a\\u[0-9a-f]{4}b$/, character.charCodeAt(0).toString(16));
    }
  });

  it('makes lone surrogates well-formed', () => {
    assert.equal(harmless('a\ud800b'), 'a\ufffdb');
  });

  it('truncates at its limit and marks the cut', () => {
    const of = (length: number) => harmless('x'.repeat(length));
    assert.equal(of(LOGGED_TEXT_CHARS_MAX - 1), 'x'.repeat(LOGGED_TEXT_CHARS_MAX - 1));
    assert.equal(of(LOGGED_TEXT_CHARS_MAX), 'x'.repeat(LOGGED_TEXT_CHARS_MAX));
    assert.equal(of(LOGGED_TEXT_CHARS_MAX + 1), `${'x'.repeat(LOGGED_TEXT_CHARS_MAX)}…`);
    assert.equal(harmless('abcdef', 3), 'abc…');
  });

  it('is well-formed when cut within a surrogate pair', () => {
    assert.equal(harmless('ab😀', 3), 'ab\ufffd…');
  });

  it('is quick with a text of ten megabytes', () => {
    assert.equal(harmless('\n'.repeat(10_000_000)).length, LOGGED_TEXT_CHARS_MAX * 6 + 1);
  });
});

describe('a record', () => {
  const everything = `start${DANGEROUS.join('')}end`;

  for (const format of ['text', 'json'] as const) {
    it(`in ${format} stays on one line, whatever is in it`, () => {
      const { log, written } = lines(format);
      log('warn', everything, { path: everything, [everything]: [everything] });
      assert.equal(written.length, 1);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that must not appear
      assert.doesNotMatch(written[0] ?? '', /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    });
  }

  it('in text has time, level and message', () => {
    const { log, written } = lines('text');
    log('info', 'listening on port 3000');
    log('warn', 'slow');
    log('fatal', 'gone');
    assert.deepEqual(written, [
      '[2024-01-15T14:32:11.007Z] listening on port 3000',
      '[2024-01-15T14:32:11.007Z] WARN slow',
      '[2024-01-15T14:32:11.007Z] FATAL gone',
    ]);
  });

  it('in text is not cut', () => {
    const { log, written } = lines('text');
    log('info', 'x'.repeat(5000));
    assert.equal(written[0]?.endsWith('x'.repeat(5000)), true);
  });

  it('in json is one object with its fields, and parses back to what was given', () => {
    const { log, written } = lines('json');
    log('error', `a\u2028b\r\n\u0085${'"'}`, { status: 503, path: '/x' });
    assert.deepEqual(JSON.parse(written[0] ?? ''), {
      time: '2024-01-15T14:32:11.007Z',
      level: 'error',
      message: 'a\u2028b\r\n\u0085"',
      status: 503,
      path: '/x',
    });
  });

  it('is dropped below the level, and kept at or above it', () => {
    for (const level of LOG_LEVELS) {
      const { log, written } = lines('json', level);
      for (const each of LOG_LEVELS) log(each, each);
      const kept = written.map((line) => JSON.parse(line).level as string);
      assert.deepEqual(kept, LOG_LEVELS.slice(LOG_LEVELS.indexOf(level)));
    }
  });
});

describe('a time in a line', () => {
  it('matches Date, whichever second came before', () => {
    const times = [
      1_705_329_131_007, 1_705_329_131_999, 1_705_329_132_000, 1_705_329_131_010, 0, -1, 253_402_300_799_999,
    ];
    assert.deepEqual(
      times.map(isoTime),
      times.map((ms) => new Date(ms).toISOString()),
    );
  });
});
