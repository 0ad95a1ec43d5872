/** The commands on a file of an older schema, such as a backup that older code made. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { changeFile } from '../support/database.ts';
import { call, delivery } from '../support/events.ts';
import { query, temporaryFolder } from '../support/receiver.ts';
import { makeSchema1 } from '../support/schema-1.ts';
import { run, runScript } from './run-script.ts';

const AS_NOBODY = join(import.meta.dirname, 'verify-as-nobody.ts');
const EVENTS = 4;
let path: string;
let remove: () => void;

beforeEach(() => {
  const folder = temporaryFolder();
  remove = () => {
    chmodSync(folder.path, 0o755);
    folder.remove();
  };
  path = join(folder.path, 'copy.db');
  const answered = call('c1', 'call.answered', { from_number: '+12025550100' });
  const stop = delivery({
    event: 'sms.received',
    data: { message_id: 'm1', from_number: '+12025550101', message: 'STOP' },
  });
  makeSchema1(path, [call('c1'), delivery('[]'), answered, stop], 'DELETE');
});
afterEach(() => remove());

const command = (name: string, ...args: string[]) =>
  runScript(name, args, { env: { DATABASE_URL: `file:${path}` } });

/** What must stay the same: the bytes of the file, and the names next to it. */
function filesNow() {
  const digest = createHash('sha256').update(readFileSync(path)).digest('hex');
  return { digest, names: readdirSync(dirname(path)) };
}

describe('a command that reads a file of an older schema', () => {
  const READING: readonly [name: string, args: string[], code: number, shows: RegExp][] = [
    ['verify', [], 1, /ok +chain: .*\nFAILED +tables: .*failures differ/s],
    ['verify', [], 1, /the table failures was made by older code: start the server or run \.\/irisx rebuild/],
    ['rebuild', ['--check'], 1, /the table failures was made by older code/],
    ['report', [], 0, /calls by day/],
    ['report', ['calls'], 0, /\ntotal +1 +1 /],
    ['report', ['failures'], 0, /the body must be a JSON object/],
    ['report', ['opt-outs'], 0, /\+12025550101/],
    ['report', ['calls', '--as-of', '1'], 0, /\ntotal +1 +0 /],
    ['events', ['list'], 0, /\n *2 .*the body must be a JSON object/],
    ['events', ['list', '--failed'], 0, /^ *seq .*\n *2 .*\n$/],
    ['events', ['show', '2'], 0, /the body must be a JSON object/],
    ['events', ['export'], 0, /call\.answered/],
    ['explain', ['call', 'c1'], 0, /status +answered/],
    ['explain', ['seq', '2'], 0, /the body must be a JSON object/],
  ];
  for (const [name, args, code, shows] of READING)
    it(`${[name, ...args].join(' ')} shows it as this code would have stored it, and changes nothing (${shows})`, async () => {
      const before = filesNow();
      const found = await command(name, ...args);
      assert.equal(found.code, code, found.stdout + found.stderr);
      assert.match(found.stdout, shows);
      assert.doesNotMatch(
        found.stdout + found.stderr,
        /no such (column|table)|\n\s+at |differing|has different values/,
      );
      assert.deepEqual(filesNow(), before);
    });

  for (const mode of ['DELETE', 'WAL'])
    it(`works as another user in a read-only folder (journal mode ${mode})`, async () => {
      changeFile(path, `PRAGMA journal_mode = ${mode}`);
      chmodSync(path, 0o444);
      chmodSync(dirname(path), 0o555);
      const before = filesNow();
      const { stdout, stderr } = await run(process.execPath, [AS_NOBODY, path], {
        env: { SQLITE_USE_URI: '1' },
      });
      assert.equal(stderr, '');
      const { problems, events, differences } = JSON.parse(stdout);
      assert.deepEqual([problems, events], [[], EVENTS]);
      assert.ok(
        differences.every((line: string) => line.includes('was made by older code')),
        stdout,
      );
      assert.deepEqual(filesNow(), before);
    });

  it('makes a backup of this schema from it', async () => {
    const before = filesNow();
    const target = join(dirname(path), 'new.db');
    const { code, stderr } = await command('backup', target);
    assert.equal(code, 0, stderr);
    assert.equal(filesNow().digest, before.digest);
    assert.equal(query(target, 'SELECT field FROM failures')[0]?.['field'], '');
    const verified = await runScript('verify', [], { env: { DATABASE_URL: `file:${target}` } });
    assert.equal(verified.code, 0, verified.stdout);
  });
});

it('./irisx rebuild updates a file of an older schema, and says how to go back', async () => {
  const { code, stdout, stderr } = await command('rebuild');
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /^note: .*is updated from schema 1 to 2.*\nnote: the backup from before the update is \S+\.schema-1-seq-4; to go back .*\n$/,
  );
  assert.match(stdout, /\nfailures: 1 row\n/);
  assert.equal((await command('verify')).code, 0);
});
