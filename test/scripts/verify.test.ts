/** `./irisx verify` on an intact log, and on logs changed by a person or by a faulty disk. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { query, SECRET, startReceiver, temporaryFolder } from '../support/receiver.ts';
import { run, runScript } from './run-script.ts';
import { type SampleDatabase, sampleDatabase } from './sample-database.ts';

const EVENTS = 60;

let database: SampleDatabase;
beforeEach(() => {
  database = sampleDatabase();
  database.append(EVENTS);
});
afterEach(() => database.remove());

async function verify(...args: string[]) {
  const { code, stdout, stderr } = await runScript('verify', args, { env: database.env });
  assert.equal(stderr, '');
  /** The line of a check, with its state. */
  const line = (name: string) =>
    new RegExp(`^(?:ok|FAILED|skipped) +${name}: .*$`, 'm').exec(stdout)?.[0] ?? '';
  const failed = [...stdout.matchAll(/^FAILED +(\w+)/gm)].map((match) => match[1]);
  return { code, stdout, line, failed };
}

const headOf = (stdout: string) =>
  /^head: seq (\d+), chain ([0-9a-f]{64})$/m.exec(stdout)?.slice(1).join(':') ?? '';

describe('./irisx verify', () => {
  it('finds nothing wrong with an intact log, and shows its head', async () => {
    const { code, stdout } = await verify();
    assert.equal(code, 0, stdout);
    const states = stdout.split('\n').map((line) => line.slice(0, 20).trimEnd());
    assert.deepEqual(states, [
      'ok      file: SQLite',
      'ok      sequence: 60',
      'ok      chain: bodie',
      'ok      signatures:',
      'ok      tables: they',
      'head: seq 60, chain',
      '',
    ]);
    const [row] = query(database.path, 'SELECT lower(hex(chain)) AS chain FROM events WHERE seq = 60');
    assert.equal(headOf(stdout), `60:${row?.['chain']}`);
  });

  it('works on an empty log', async () => {
    const empty = sampleDatabase();
    empty.append(0);
    const { code, stdout } = await runScript('verify', [], { env: empty.env });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^head: seq 0, chain 0{64}$/m);
    empty.remove();
  });

  it('works while the server runs', async () => {
    const receiver = await startReceiver({ databasePath: database.path });
    const { code, stdout } = await verify();
    assert.equal(code, 0, stdout);
    await receiver.close();
  });

  it('names the event whose body was changed by one byte', async () => {
    database.tamper(
      "UPDATE events SET body = CAST(replace(CAST(body AS TEXT), ',', ';') AS BLOB) WHERE seq = 23",
    );
    const { code, line, failed } = await verify();
    assert.equal(code, 1);
    assert.equal(line('chain'), 'FAILED  chain: seq 23: the body differs from the recorded one');
    assert.match(
      line('signatures'),
      /^FAILED +signatures: seq 23: its signature matches none of the given secrets$/,
    );
    assert.match(line('sequence'), /^ok/);
    assert.deepEqual(failed.slice(0, 2), ['chain', 'signatures']);
  });

  it('names the event in which another column was changed', async () => {
    database.tamper(
      "UPDATE events SET event_header = 'x' WHERE seq = 7; UPDATE events SET body_time_ms = 1 WHERE seq = 9",
    );
    const { code, line, failed } = await verify();
    assert.equal(code, 1);
    assert.match(line('chain'), /seq 7: its chain does not match .*, and 1 more$/);
    assert.deepEqual(failed.slice(0, 1), ['chain']);
  });

  it('names the event after a removed one', async () => {
    database.tamper('DELETE FROM events WHERE seq = 31');
    const { code, line } = await verify();
    assert.equal(code, 1);
    assert.equal(line('sequence'), 'FAILED  sequence: seq 32: it follows seq 30');
    assert.match(line('chain'), /^FAILED +chain: seq 32: its chain does not match/);
  });

  it('ends, and lists what is left of a removed event that was not folded', { timeout: 30_000 }, async () => {
    database.tamper("INSERT INTO failures (seq, stage, field, error) VALUES (31, 'writer', '', 'a defect')");
    database.tamper('DELETE FROM events WHERE seq = 31');
    const { code, stdout } = await verify();
    assert.equal(code, 1);
    assert.match(stdout, /^ {4}failures 31 writer: in the live table only$/m);
  });

  it('checks the log although a table is missing, and says nothing about a log that is missing', async () => {
    database.tamper('DROP TABLE failures');
    const without = await verify();
    assert.equal(without.code, 1);
    assert.equal(without.line('sequence'), 'ok      sequence: 60 events without gaps');
    assert.match(without.line('tables'), /^FAILED .*no such table: /);
    database.tamper('DROP TABLE events');
    const { code, stdout, stderr } = await runScript('verify', [], { env: database.env });
    assert.equal(code, 1);
    assert.doesNotMatch(stdout, /sequence|chain|head/);
    assert.match(stderr, /no such table: (main\.)?events/);
  });

  it('notices a missing tail by an anchor that was noted before', async () => {
    const anchor = headOf((await verify()).stdout);
    database.append(5);
    const longer = await verify('--anchor', anchor);
    assert.equal(longer.code, 0, longer.stdout);
    assert.equal(longer.line('anchor'), 'ok      anchor: seq 60 is in the log as noted');

    database.tamper('DELETE FROM events WHERE seq > 58; UPDATE projections SET applied_seq = 58');
    const cut = await verify('--anchor', anchor);
    assert.equal(cut.code, 1);
    assert.equal(cut.line('anchor'), 'FAILED  anchor: the log ends with seq 58: its tail is missing');
    assert.match(cut.line('chain'), /^ok/);

    const other = await verify('--anchor', `58:${'0'.repeat(64)}`);
    assert.equal(other.line('anchor'), 'FAILED  anchor: seq 58 has a different chain');
  });

  it('needs every secret of the log’s lifetime', async () => {
    database.append(10, 'new');
    const one = await verify('--secret', 'new');
    assert.equal(one.code, 1);
    assert.deepEqual(one.failed, ['signatures']);
    assert.match(
      one.line('signatures'),
      /seq 1: its signature matches none of the given secrets, and 59 more$/,
    );
    assert.match(one.stdout, /\n {2}if the secret was changed, set WEBHOOK_SECRETS_RETIRED, or /);
    const both = await verify('--secret', `new,${SECRET}`);
    assert.equal(both.code, 0, both.stdout);
    assert.equal(both.line('signatures'), 'ok      signatures: 70 valid');
    assert.match(both.stdout, /\n {2}--secret 1: 10 events, the last is seq 70\n {2}--secret 2: 60 events, /);
  });

  it('reads old secrets from WEBHOOK_SECRETS_RETIRED, and prints how many events each secret signed', async () => {
    database.append(10, 'new');
    const file = join(dirname(database.path), 'retired');
    writeFileSync(file, `never-used\n${SECRET}\n`);
    const env = { ...database.env, WEBHOOK_SECRET: 'new' };
    for (const retired of [
      { WEBHOOK_SECRETS_RETIRED: `never-used,${SECRET}` },
      { WEBHOOK_SECRETS_RETIRED_FILE: file },
    ]) {
      const { code, stdout } = await runScript('verify', [], { env: { ...env, ...retired } });
      assert.equal(code, 0, stdout);
      assert.ok(
        stdout.includes(
          `
ok      signatures: 70 valid
  WEBHOOK_SECRET 1: 10 events, the last is seq 70
  WEBHOOK_SECRETS_RETIRED 1: no events
  WEBHOOK_SECRETS_RETIRED 2: 60 events, the last is seq 60
`,
        ),
        stdout,
      );
      assert.ok(!stdout.includes(SECRET));
    }
    const given = await runScript('verify', ['--secret', `new,${SECRET}`], {
      env: { ...env, WEBHOOK_SECRETS_RETIRED: SECRET, WEBHOOK_SECRET_FILE: '/nowhere' },
    });
    assert.equal(given.code, 0, given.stderr);
    assert.doesNotMatch((await verify()).stdout, /WEBHOOK_SECRET 1/);
  });

  it('counts unsigned events, and checks no signature without a secret', async () => {
    database.append(3, null);
    const { code, line } = await verify();
    assert.equal(code, 0);
    assert.equal(
      line('signatures'),
      'ok      signatures: 60 valid; 3 events unsigned, recorded with SKIP_SIGNATURE_VERIFICATION',
    );
    const { code: codeWithout, stdout } = await runScript('verify', [], {
      env: { DATABASE_URL: database.path },
    });
    assert.equal(codeWithout, 0);
    assert.match(stdout, /^skipped signatures: not checked, because no secret is known/m);
  });

  it('lists how the tables differ from the log', async () => {
    database.tamper(
      'UPDATE contacts SET opted_out = 1 - opted_out; UPDATE calls SET duration_seconds = 1e6 WHERE rowid = 1',
    );
    const { code, stdout, failed } = await verify();
    assert.equal(code, 1);
    assert.deepEqual(failed, ['tables']);
    assert.match(stdout, /\n {2}calls: \d+ rows, 1 difference\n +calls \S+: differs in duration_seconds\n/);
  });

  it('reports findings, never a stack trace, on a file with damaged pages', async () => {
    database.append(3000);
    const bytes = statSync(database.path).size;
    const descriptor = openSync(database.path, 'r+');
    for (let page = 20; page < bytes / 4096; page += 10)
      writeSync(descriptor, Buffer.alloc(600, 0xa5), 0, 600, page * 4096 + 100);
    closeSync(descriptor);
    const { code, stdout, failed } = await verify();
    assert.equal(code, 1);
    assert.ok(failed.includes('file') && failed.includes('chain') && failed.includes('tables'), stdout);
    assert.doesNotMatch(stdout, /\n\s+at /);
    assert.match(stdout, /^head: /m);

    for (const args of [['events', 'list', '--type', 'no.such'], ['rebuild']]) {
      const { code, stdout, stderr } = await runScript(args[0] ?? '', args.slice(1), { env: database.env });
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(
        stderr,
        /^.*(?:\(SQLITE_CORRUPT\);|beyond seq \d+ of 3060:) run \.\/irisx verify to find the damage.*\n$/,
      );
    }
  });

  it('says in one line that a file is not a database', async () => {
    const folder = temporaryFolder();
    const path = join(folder.path, 'irisx.db');
    writeFileSync(path, 'x'.repeat(5000));
    const { code, stdout, stderr } = await runScript('verify', [], { env: { DATABASE_URL: path } });
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^\S+ is not a SQLite database: .*\n$/);
    folder.remove();
  });
});

describe('a check of a file that must not be changed', () => {
  const digestOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
  const AS_NOBODY = join(import.meta.dirname, 'verify-as-nobody.ts');

  /** A folder that everybody may read and only root may write, with the log in `file`. */
  async function readOnlyFolder(kind: 'a backup' | 'a file in WAL mode') {
    const folder = temporaryFolder();
    const path = join(folder.path, 'copy.db');
    if (kind === 'a backup') {
      const { code } = await runScript('backup', [path], { env: database.env });
      assert.equal(code, 0);
    } else copyFileSync(database.path, path);
    chmodSync(path, 0o444);
    chmodSync(folder.path, 0o555);
    return { ...folder, file: path };
  }

  for (const kind of ['a backup', 'a file in WAL mode'] as const) {
    it(`works for another user in a read-only folder (${kind})`, async () => {
      const { file, path, remove } = await readOnlyFolder(kind);
      const before = [digestOf(file), readdirSync(path)];
      const { stdout, stderr } = await run(process.execPath, [AS_NOBODY, file], {
        env: { SQLITE_USE_URI: '1' },
      });
      assert.equal(stderr, '');
      assert.deepEqual(JSON.parse(stdout), { problems: [], events: EVENTS, differences: [] });
      assert.deepEqual([digestOf(file), readdirSync(path)], before);
      chmodSync(path, 0o755);
      remove();
    });
  }

  for (const command of [['verify'], ['rebuild', '--check'], ['report'], ['events', 'list']])
    it(`does not change a backup, and creates no file next to it (${command.join(' ')})`, async () => {
      const { file, path, remove } = await readOnlyFolder('a backup');
      chmodSync(path, 0o755);
      chmodSync(file, 0o644);
      const before = [digestOf(file), readdirSync(path)];
      const [name = '', ...args] = command;
      const { code, stdout, stderr } = await runScript(name, args, {
        env: { ...database.env, DATABASE_URL: `file:${file}` },
      });
      assert.equal(code, 0, stdout + stderr);
      assert.deepEqual([digestOf(file), readdirSync(path)], before);
      remove();
    });
});
