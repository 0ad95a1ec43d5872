/** What all commands have in common: help, exit codes, and one clear line per error. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { COMMANDS } from '../../scripts/commands.ts';
import { temporaryFolder } from '../support/receiver.ts';
import { runScript } from './run-script.ts';

const HELP_LINES_MAX = 25;

describe('every command', { concurrency: 2 }, () => {
  for (const name of Object.keys(COMMANDS)) {
    it(`${name} has a --help text`, async () => {
      const { code, stdout, stderr } = await runScript(name, ['--help']);
      assert.equal(code, 0);
      assert.equal(stderr, '');
      assert.ok(stdout.startsWith(`./irisx ${name}`));
      const lines = stdout.trimEnd().split('\n');
      assert.ok(lines.length <= HELP_LINES_MAX, `${lines.length} lines`);
      assert.deepEqual(
        lines.filter((line) => line.length > 120),
        [],
      );
    });

    it(`${name} reports an unknown option`, async () => {
      const { code, stdout, stderr } = await runScript(name, ['--foo=1']);
      assert.deepEqual(
        { code, stdout, stderr },
        { code: 64, stdout: '', stderr: 'unknown option --foo; see --help\n' },
      );
    });
  }

  const wrong: [string, string[], RegExp][] = [
    ['send', [], /^name one event type, or one --scenario, or one --file; see --help\n$/],
    ['send', ['call.busy', '--scenario', 'sms'], /^name one event type/],
    ['send', ['call.busy', '--count', '0'], /^--count must be a whole number from 1 to [0-9]+, not "0"; see/],
    ['send', ['call.busy', '--rate', 'fast'], /^--rate must be a whole number/],
    ['send', ['call.busy', '--count'], /^--count needs a value; see --help\n$/],
    ['send', ['call.busy', '--quiet=1'], /^--quiet takes no value; see --help\n$/],
    [
      'send',
      ['--scenario', 'nap'],
      /^--scenario must be one of call, failed-call, sms, sms-stop, all, not "nap"; see/,
    ],
    [
      'send',
      ['call.busy', '--shape', 'round'],
      /^--shape must be one of envelope, bare, flat, not "round"; see/,
    ],
    ['send', ['call.busy', '--data', 'x'], /^--data must be name=value, not "x"; see/],
    [
      'send',
      ['call.busy', '--secret', 's', '--url', 'here'],
      /^--url must be an http or https URL, not "here"/,
    ],
    ['send', ['call.busy', '--secret', ''], /^--secret must not be empty/],
    ['sign', [], /^name one body: a file, or - for standard input; see/],
    ['sign', ['-', '--timestamp', '1705329131000'], /^--timestamp must be Unix seconds: 10 digits; see/],
    ['sign', ['-', '--verify'], /^--verify needs --signature and --timestamp; see/],
    [
      'rebuild',
      ['calls', 'faxes'],
      /^unknown table "faxes"; tables: calls, sms_messages, recordings, contacts; see/,
    ],
    ['verify', ['all'], /^unknown argument all; see/],
    ['serve', ['4000'], /^unknown argument 4000; see/],
    ['fly', [], /^unknown command "fly"; commands: serve, send, .*bench:soak; see \.\/irisx --help\n$/],
    ['verify', ['--anchor', '12'], /^--anchor must be SEQ:CHAIN/],
  ];
  for (const [name, args, expected] of wrong) {
    it(`${name} ${args.join(' ')}: exit code 64 and one line`, async () => {
      const { code, stdout, stderr } = await runScript(name, args);
      assert.equal(code, 64);
      assert.equal(stdout, '');
      assert.match(stderr, expected);
      assert.equal(stderr.split('\n').length, 2);
    });
  }

  it('an invalid configuration exits with 78 and names every invalid value', async () => {
    const { code, stderr } = await runScript('verify', [], { env: { PORT: 'x', MAX_AGE: '-1' } });
    assert.equal(code, 78);
    assert.match(stderr, /PORT="x": must be .*\n.*MAX_AGE="-1": must be /);
  });

  it('rebuild and verify report a missing file and do not make one', async () => {
    const folder = temporaryFolder();
    const path = join(folder.path, 'irisx.db');
    for (const [name, ...args] of [['rebuild'], ['rebuild', '--check'], ['verify']] as const) {
      const options = { env: { DATABASE_URL: `file:${path}` }, cwd: folder.path };
      const { code, stderr } = await runScript(name, args, options);
      assert.equal(code, 1);
      assert.equal(stderr, 'there is no database irisx.db: start the server once, or set DATABASE_URL\n');
      assert.ok(!existsSync(path));
    }
    folder.remove();
  });
});
