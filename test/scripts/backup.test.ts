/** `./irisx backup`: a copy made while a server runs, and checked before it gets its name. */

import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { EX_USAGE } from '../../scripts/cli/command.ts';
import { runStorePath } from '../../src/engines/sqlite/run-store-file.ts';
import { openRunStore } from '../../src/engines/sqlite/runs.ts';
import { IRISX_PROGRAM, startProgram } from '../support/program.ts';
import { deliver, query, startReceiver, temporaryFolder, until } from '../support/receiver.ts';
import { type Finished, runScript } from './run-script.ts';
import { type SampleDatabase, sampleDatabase } from './sample-database.ts';

let database: SampleDatabase;
let folder: { path: string; remove: () => void };
let target: string;
beforeEach(() => {
  database = sampleDatabase();
  folder = temporaryFolder();
  target = join(folder.path, 'backup.db');
});
afterEach(() => {
  database.remove();
  folder.remove();
});

const backup = (...args: string[]): Promise<Finished> => runScript('backup', args, { env: database.env });
const verify = (path: string, ...args: string[]): Promise<Finished> =>
  runScript('verify', args, { env: { ...database.env, DATABASE_URL: `file:${path}` } });

async function refused(text: string | RegExp, path = target): Promise<void> {
  const before = readdirSync(folder.path);
  const { code, stdout, stderr } = await backup(path);
  if (typeof text === 'string') assert.equal(stderr, `${text}\n`);
  else assert.match(stderr, text);
  assert.equal(stdout, '');
  assert.equal(code, 1);
  assert.deepEqual(readdirSync(folder.path), before, 'something was left behind');
}

describe('a backup', () => {
  it('is one file that only its owner can read, passes verify, and has the printed head', async () => {
    database.append(700);
    const { code, stdout, stderr } = await backup(target);
    assert.equal(code, 0, stderr);
    const [, seq, chain] = /^head: seq (\d+), chain ([0-9a-f]{64})$/m.exec(stdout) ?? [];
    assert.equal(seq, '700');
    assert.deepEqual(readdirSync(folder.path), ['backup.db']);
    assert.equal(statSync(target).mode & 0o777, 0o600);
    const checked = await verify(target, '--anchor', `${seq}:${chain}`);
    assert.equal(checked.code, 0, checked.stdout + checked.stderr);
    const rows = 'SELECT * FROM calls ORDER BY call_uuid';
    assert.deepEqual(query(target, rows), query(database.path, rows));
  });

  it('is complete if made during deliveries, and a server started on it recognizes them', async () => {
    const receiver = await startReceiver({ databasePath: database.path });
    const event = (index: number) => ({
      event: 'call.ringing',
      timestamp: '2026-01-05T09:00:00Z',
      data: { call_uuid: `call-${index}` },
    });
    let sent = 0;
    let isDone = false;
    const load = async () => {
      for (; !isDone; sent++) assert.equal((await deliver(receiver, event(sent))).status, 200);
    };
    const loading = load();
    await until(() => sent > 100, 'deliveries arrive');
    const { code, stdout, stderr } = await backup(target);
    isDone = true;
    await loading;
    await receiver.close();
    assert.equal(code, 0, stderr);
    const seq = Number(/head: seq (\d+)/.exec(stdout)?.[1]);
    assert.ok(seq > 100 && seq <= sent, stdout);
    assert.equal((await verify(target)).code, 0);

    const restored = join(folder.path, 'restored.db');
    copyFileSync(target, restored);
    const again = await startReceiver({ databasePath: restored });
    const answer = await deliver(again, event(0));
    assert.equal(answer.json['duplicate'], true);
    assert.equal(answer.json['seq'], 1);
    assert.equal((await deliver(again, event(sent))).json['seq'], seq + 1);
    await again.close();
  });

  it('includes the state of the handlers, which continue where they were', async () => {
    database.append(30);
    const store = openRunStore(runStorePath(database.path));
    const [link] = query(database.path, 'SELECT chain FROM events WHERE seq = 20');
    await store.moveTo('handlers', 20, link?.['chain'] as Uint8Array);
    await store.close();
    const { stdout } = await backup(target);
    assert.ok(stdout.includes(`${target}.handlers: the state of the handlers`), stdout);
    assert.equal(statSync(`${target}.handlers`).mode & 0o777, 0o600);

    const restored = join(folder.path, 'irisx.db');
    copyFileSync(target, restored);
    copyFileSync(`${target}.handlers`, runStorePath(restored));
    const seen = join(folder.path, 'seen');
    const modulePath = join(folder.path, 'handlers.mjs');
    const names = [
      'Initiated',
      'Ringing',
      'Answered',
      'Completed',
      'Failed',
      'NoAnswer',
      'Busy',
      'Cancelled',
    ];
    const exported = [
      ...names.map((name) => `handleCall${name}`),
      ...['Sent', 'Delivered', 'Failed', 'Received'].map((name) => `handleSms${name}`),
      'handleRecordingComplete',
      'handleRecordingTranscribed',
    ];
    writeFileSync(
      modulePath,
      `import { appendFileSync } from 'node:fs';
       const note = (data, { seq }) => appendFileSync(${JSON.stringify(seen)}, seq + '\\n');
       ${exported.map((name) => `export { note as ${name} };`).join('\n')}`,
    );
    const receiver = await startReceiver({ databasePath: restored, env: { HANDLERS: modulePath } });
    const wanted = query(restored, "SELECT seq FROM events WHERE seq > 20 AND type <> 'sms.queued'");
    await until(() => numbersOf(seen).length >= wanted.length, 'the rest has run');
    await receiver.close();
    assert.deepEqual(
      numbersOf(seen),
      wanted.map((row) => row['seq']),
    );
  });

  it('keeps a user’s views and names the tables that are not included', async () => {
    database.append(10);
    database.tamper('CREATE TABLE my_notes (text TEXT); CREATE VIEW my_view AS SELECT call_uuid FROM calls');
    const { stdout } = await backup(target);
    assert.ok(stdout.includes('not included: your own tables my_notes\n'), stdout);
    assert.equal(query(target, 'SELECT * FROM my_view').length, query(target, 'SELECT * FROM calls').length);
  });

  it('keeps a user’s view that has the name of a view of this program', async () => {
    database.append(10);
    database.tamper('DROP VIEW opt_outs; CREATE VIEW opt_outs AS SELECT 7 AS seven');
    await backup(target);
    assert.deepEqual(query(target, 'SELECT * FROM opt_outs'), [{ seven: 7 }]);
  });

  it('of a damaged log is refused, and the first bad event is named', async () => {
    database.append(600);
    database.tamper(
      "UPDATE events SET body = CAST(CAST(body AS TEXT) || ' ' AS BLOB) WHERE seq IN (523, 540)",
    );
    await refused(/^the log is damaged: seq 523: the body differs from the recorded one; /);
  });

  it('of a log with a gap is refused, and the missing event is named', async () => {
    database.append(20);
    database.tamper('DELETE FROM events WHERE seq = 7');
    await refused(/^the log is damaged: seq 7: it is missing; /);
  });

  it('leaves nothing that looks like a backup if killed half-way, and the next one succeeds', async () => {
    database.append(3000);
    const command = [process.execPath, ...IRISX_PROGRAM, 'backup', target];
    const copying = startProgram(command, folder.path, database.env);
    await until(
      () => (statSync(`${target}.partial`, { throwIfNoEntry: false })?.size ?? 0) > 500_000,
      'it copies',
    );
    await copying.end('SIGKILL');
    assert.ok(!existsSync(target));
    assert.ok(existsSync(`${target}.partial`));
    assert.equal((await backup(target)).code, 0);
    assert.deepEqual(readdirSync(folder.path), ['backup.db']);
  });

  it('never replaces a file', async () => {
    database.append(5);
    writeFileSync(target, 'mine');
    await refused(`${target} already exists: choose another name, or move the file away`);
    const own = database.path;
    await refused(`${own} already exists: choose another name, or move the file away`, own);
  });

  it('needs a folder and a name', async () => {
    database.append(5);
    const missing = join(folder.path, 'missing');
    await refused(
      `the folder ${missing} does not exist: create it, or choose another name`,
      join(missing, 'backup.db'),
    );
    const { code, stderr } = await backup();
    assert.equal(code, EX_USAGE);
    assert.equal(stderr, 'give exactly one FILE to write; see --help\n');
  });

  it('does not wait: a second one to the same file is refused', async () => {
    database.append(5);
    const holder = new Sqlite(`${target}.partial-lock`);
    holder.exec('BEGIN EXCLUSIVE');
    await refused(`another backup to ${target} is in progress: wait until it ends`);
    holder.close();
  });
});

/** The lines of a file as numbers; empty if there is no file yet. */
function numbersOf(path: string): number[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8').trimEnd().split('\n').map(Number);
}
