/** `.env` as the server and the commands read it: encodings, line ends, quotes, and probable mistakes. */

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { parseEnvFile } from '../../src/config/env-file.ts';
import { generateSignature } from '../../src/core/event/signature.ts';
import { CONFIG_FILE_BYTES_MAX } from '../../src/core/limits.ts';
import { runScript } from '../scripts/run-script.ts';
import { type ProgramFolder, programFolder } from '../support/program.ts';
import { temporaryFolder } from '../support/receiver.ts';

const TIMESTAMP = '1705329131';

/** A folder with this `.env`, in which commands run. */
let folder: { path: string; remove: () => void };
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const write = (bytes: string | Uint8Array) => writeFileSync(join(folder.path, '.env'), bytes);

const sign = (env: Record<string, string> = {}) =>
  runScript('sign', ['-', '--timestamp', TIMESTAMP], { cwd: folder.path, env, stdin: 'body' });

/** Checks that commands get this secret from `.env`. */
async function assertSecret(secret: string, what: string): Promise<void> {
  const { stdout, stderr } = await sign();
  assert.equal(stderr, '', what);
  assert.ok(stdout.includes(generateSignature('body', secret, TIMESTAMP)), what);
}

async function assertRefused(message: RegExp, what: string): Promise<void> {
  const { code, stdout, stderr } = await sign();
  assert.deepEqual([code, stdout], [78, ''], what);
  assert.match(stderr, message, what);
  assert.equal(stderr.split('\n').length, 3, what);
}

function utf16(text: string, isBigEndian: boolean): Buffer {
  const bytes = Buffer.from(text, 'utf16le');
  return isBigEndian ? bytes.swap16() : bytes;
}

function utf32(text: string, isBigEndian: boolean): Buffer {
  const units = [...text].map((character) => {
    const unit = Buffer.alloc(4);
    if (isBigEndian) unit.writeUInt32BE(character.codePointAt(0) ?? 0);
    else unit.writeUInt32LE(character.codePointAt(0) ?? 0);
    return unit;
  });
  return Buffer.concat(units);
}

describe('.env', () => {
  it('is read with a byte order mark, with any line ends, and with values in quotes', async () => {
    for (const text of [
      'WEBHOOK_SECRET=one',
      '\ufeffWEBHOOK_SECRET=one\nPORT=3000\n',
      'PORT=3000\r\nWEBHOOK_SECRET=one\r\n',
      'PORT=3000\rWEBHOOK_SECRET=one\rMAX_AGE=300',
      'WEBHOOK_SECRET="one"',
      "WEBHOOK_SECRET='one' # a comment",
      'export WEBHOOK_SECRET = `one`',
      'WEBHOOK_SECRET=one # a comment\n',
    ]) {
      write(text);
      await assertSecret('one', JSON.stringify(text));
    }
    write('WEBHOOK_SECRET="o n#e"');
    await assertSecret('o n#e', 'in quotes');
  });

  it('does not read the next line as the value of a variable that has only spaces', async () => {
    write('HOST= \t\nWEBHOOK_SECRET=one\nADMIN_HOST= ');
    await assertSecret('one', 'the line after HOST');
  });

  it('does not override what is set in the environment', async () => {
    write('WEBHOOK_SECRET=one#two');
    const { stdout, stderr } = await sign({ WEBHOOK_SECRET: 'set' });
    assert.equal(stderr, '');
    assert.ok(stdout.includes(generateSignature('body', 'set', TIMESTAMP)));
    const failed = await runScript('verify', [], { cwd: folder.path, env: { WEBHOOK_SECRET: 'set' } });
    assert.match(
      failed.stderr,
      /^there is no database [^\n]*\n$/,
      'no warning about a value that is not used',
    );
  });

  it('does not override the other form of a variable either, the value or its file', async () => {
    const file = join(folder.path, 'secret');
    writeFileSync(file, 'from the file\n');
    write('WEBHOOK_SECRET=from .env');
    const byFile = await sign({ WEBHOOK_SECRET_FILE: file });
    assert.ok(byFile.stdout.includes(generateSignature('body', 'from the file', TIMESTAMP)), byFile.stderr);
    write(`WEBHOOK_SECRET_FILE=${file}`);
    const byValue = await sign({ WEBHOOK_SECRET: 'set' });
    assert.ok(byValue.stdout.includes(generateSignature('body', 'set', TIMESTAMP)), byValue.stderr);
  });

  it('in another encoding is refused; the message names the encoding and what to do', async () => {
    const text = 'WEBHOOK_SECRET=one\n';
    for (const mark of ['', '\ufeff']) {
      for (const isBigEndian of [false, true]) {
        write(utf16(mark + text, isBigEndian));
        await assertRefused(
          /^ {2}\/.*\/\.env is in UTF-16: save it as UTF-8$/m,
          `UTF-16 ${isBigEndian} ${mark}`,
        );
        write(utf32(mark + text, isBigEndian));
        await assertRefused(/\.env is in UTF-32: save it as UTF-8$/m, `UTF-32 ${isBigEndian} ${mark}`);
      }
    }
    write(Buffer.from('# für\nWEBHOOK_SECRET=one\n', 'latin1'));
    await assertRefused(/\.env is not in UTF-8 \(perhaps in Latin-1 or Windows-1252\): save it/, 'Latin-1');
    write(`PORT=3000\n${'\0'.repeat(100)}`);
    await assertRefused(/\.env is not text \(it contains NUL bytes\): save it as UTF-8/, 'NUL bytes');
  });

  it('that cannot be read is refused in one line', async () => {
    const path = join(folder.path, '.env');
    for (const [what, make, message] of [
      ['a directory', () => mkdirSync(path), /\.env is a directory: it must be a file$/m],
      ['a link to nothing', () => symlinkSync('nowhere', path), /\.env does not exist: check the path$/m],
      ['a link to itself', () => symlinkSync('.env', path), /\.env cannot be read: ELOOP/],
      [
        'too large',
        () => write('#'.repeat(CONFIG_FILE_BYTES_MAX + 1)),
        /\.env has more than 1048576 bytes: check that it is the right file$/m,
      ],
    ] as const) {
      rmSync(path, { recursive: true, force: true });
      make();
      await assertRefused(message, what);
    }
    write('#'.repeat(CONFIG_FILE_BYTES_MAX));
    assert.match((await sign()).stderr, /^no secret is known/);
  });

  it('with a probable mistake causes a warning from a command that fails, not from one that succeeds', async () => {
    write('WEBHOOK_SECRET=abc#def\n');
    assert.deepEqual((await sign()).stderr, '');
    const { code, stderr } = await runScript('verify', [], { cwd: folder.path });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^there is no database .*\nwarning: \.env line 1: WEBHOOK_SECRET: the value ends before the #: .*\n$/,
    );
    const wrong = await runScript('verify', [], { cwd: folder.path, env: { PORT: 'x' } });
    assert.equal(wrong.code, 78);
    assert.match(
      wrong.stderr,
      /^the configuration is invalid:\n {2}PORT="x": .*\n {2}warning: \.env line 1: .*\n$/,
    );
  });
});

describe('the server', () => {
  let programs: ProgramFolder;
  beforeEach(() => {
    programs = programFolder();
  });
  afterEach(() => programs.remove());

  it('logs probable mistakes in .env, without any part of a secret', async () => {
    writeFileSync(join(programs.path, '.env'), '\ufeffADMIN_TOKEN=hunter22hunter22#hunter33\nHOSTS=x\n');
    const program = programs.start();
    await program.listening();
    await program.printed('WARN HOSTS is not a variable');
    assert.match(program.output(), /WARN \.env line 1: ADMIN_TOKEN: the value ends before the #/);
    assert.doesNotMatch(program.output(), /hunter/);
  });

  it('exits with 78 if .env is in another encoding', async () => {
    writeFileSync(join(programs.path, '.env'), utf16('\ufeffPORT=1\n', false));
    const program = programs.start();
    assert.equal((await program.ended()).code, 78);
    assert.match(program.errors(), /\.env is in UTF-16: save it as UTF-8\n$/);
  });
});

describe('a line of .env that Node reads differently from what most people expect', () => {
  const warningsOf = (text: string) => parseEnvFile(text).warnings.map((warning) => warning.text);

  it('is reported with its number and without its value', () => {
    for (const [text, expected] of [
      ['A=abc#def', /^\.env line 1: A: the value ends before the #: quote the value/],
      ['A=#def', /line 1: A: the value ends before the #/],
      ['A=abc #d\nB=abc# d', /line 2: B: the value ends before the #/],
      ['A="abc\nB=1', /line 1: A: the " at the start is never closed/],
      ["A='abc", /line 1: A: the ' at the start is never closed/],
      ['B=1\n\nA="abc\nB=2\nC="x"', /line 3: A: the " at the start is closed some lines below: /],
      ['A="abc"def', /line 1: A: the text after the closing " is ignored/],
      ['A=""abc""', /line 1: A: the text after the closing " is ignored/],
      ["A='new','old'", /line 1: A: the text after the closing ' is ignored/],
      ['A=1\nB=2\nA=3', /line 3: A is also set in line 1: only the last value counts/],
      ['# c\nabc', /line 2: not NAME=value, so it is ignored/],
      ['A: abc', /line 1: not NAME=value/],
      ['\u00a0A=abc', /line 1: not NAME=value/],
      ['set A=abc', /line 1: not NAME=value/],
      ['A=1\n\ufeffB=abc', /line 2: not NAME=value/],
      ['A="1\n2"\nabc', /line 3: not NAME=value/],
    ] as const) {
      const found = warningsOf(text);
      assert.match(found[0] ?? '', expected, text);
      assert.doesNotMatch(found.join(), /abc|def|new|old/, text);
    }
  });

  it('is not a comment, a quoted value, a value of several lines or an empty value: those cause no warning', () => {
    for (const text of [
      '',
      '# a=b#c\n  # "\n\n \t\nA=1 # b\nB= # c\nC=\nD="a#b"#c\nE=`"` # x',
      'KEY="-----BEGIN KEY-----\nab+/=\nAB==\n-----END KEY-----"\nA=1',
      'A=it\'s\nB=5"\nC=a=b==\nD="it\'s"\n  export E=x',
      'A-B=1\nnpm_config.x=2\r\nC=3\r\n',
    ])
      assert.deepEqual(warningsOf(text), [], text);
  });
});
