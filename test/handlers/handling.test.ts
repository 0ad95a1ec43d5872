/** Handlers in a complete receiver: called once an event is in the log, and never delaying the sender. */

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { CONSUMER_ABSENCE_MS, REBUILD_RETRY_MS } from '../../src/core/limits.ts';
import { lockFile } from '../../src/engines/sqlite/file/file-lock.ts';
import { rebuild } from '../../src/engines/sqlite/rebuild/rebuild.ts';
import { runStorePath } from '../../src/engines/sqlite/run-store-file.ts';
import { openRunStore } from '../../src/engines/sqlite/runs.ts';
import { derivations } from '../../src/projections/index.ts';
import { appenderOf, changeFile, failBatches } from '../support/database.ts';
import { delivery } from '../support/events.ts';
import { deliver, startReceiver, temporaryFolder, until } from '../support/receiver.ts';
import { startTarget } from '../support/target.ts';
import { undoneAfterEach } from '../support/undo.ts';

const atEnd = undoneAfterEach();

interface Seen {
  readonly name: string;
  readonly data: Record<string, unknown>;
  readonly context: Record<string, unknown>;
}

/** A target of forwarding, and the environment that forwards to it. */
async function forwarding(answer: (response: ServerResponse) => void = (response) => void response.end()) {
  const target = await startTarget(answer);
  atEnd(target.close);
  const FORWARD_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  return { target, env: { FORWARD_URL: target.url, FORWARD_SECRET } };
}

/** A folder for a receiver, with a module of handlers if there is a `source`. In it, `note(name, data, context)` writes what they receive to a file. */
function given(source?: string) {
  const folder = temporaryFolder();
  atEnd(folder.remove);
  const modulePath = join(folder.path, 'handlers.mjs');
  const seenPath = join(folder.path, 'seen');
  if (source !== undefined)
    writeFileSync(
      modulePath,
      `import { appendFileSync } from 'node:fs';
     const note = (name, data, context) => appendFileSync(${JSON.stringify(seenPath)}, JSON.stringify({ name, data, context }) + '\\n');
     ${source}`,
    );
  const seen = (): Seen[] =>
    existsSync(seenPath)
      ? readFileSync(seenPath, 'utf8')
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as Seen)
      : [];
  const databasePath = join(folder.path, 'irisx.db');
  const start = async (env: Record<string, string> = {}) => {
    const handlers = source === undefined ? {} : { HANDLERS: modulePath };
    const receiver = await startReceiver({ databasePath, env: { ...handlers, ...env } });
    atEnd(receiver.close);
    return receiver;
  };
  const state = (sql: string) => {
    const database = new Sqlite(runStorePath(databasePath), { readonly: true });
    try {
      return database.prepare(sql).all() as Record<string, unknown>[];
    } finally {
      database.close();
    }
  };
  return { folder: folder.path, databasePath, modulePath, seen, start, state };
}

const completed = (id: string) => ({
  event: 'call.completed',
  timestamp: '2026-01-05T09:00:00Z',
  data: { call_sid: id, from: '+12025550100', to: '+12025550101', duration: '65', cost: 0.0125 },
});

describe('a handler', () => {
  it('is called with the normalized data and with the context of the event', async () => {
    const { seen, start } = given(`export async function handleCallCompleted(data, context) {
      const { signal, log, query, ...plain } = context;
      note('completed', data, { ...plain, aborted: signal.aborted, rows: await query('SELECT call_uuid, status FROM calls WHERE call_uuid = ?', data.call_uuid) });
    }`);
    const receiver = await start();
    const answer = await deliver(receiver, completed('call-1'));
    assert.equal(answer.status, 200);
    await until(() => seen().length === 1, 'the handler has run');
    const [{ data, context }] = seen() as [Seen];
    assert.deepEqual(data, {
      call_uuid: 'call-1',
      from_number: '+12025550100',
      to_number: '+12025550101',
      duration_seconds: 65,
      total_cost: 0.0125,
    });
    assert.equal(context['event'], 'call.completed');
    assert.equal(context['seq'], 1);
    assert.equal(context['attempt'], 1);
    assert.equal(context['path'], '/webhooks');
    assert.equal(context['aborted'], false);
    assert.match(String(context['idempotencyKey']), /^[0-9a-f]{64}$/);
    assert.deepEqual(context['rows'], [{ call_uuid: 'call-1', status: 'completed' }]);
  });

  it('is tried again if it throws; receiving and the other events go on', async () => {
    const { seen, start, state } = given(`export async function handleCallCompleted(data, context) {
      note('completed', data, { attempt: context.attempt });
      if (data.call_uuid === 'bad' && context.attempt === 1) throw new TypeError('not yet');
    }`);
    const receiver = await start();
    await deliver(receiver, completed('bad'));
    await deliver(receiver, completed('good'));
    await until(() => seen().length === 3, 'both have run, one of them twice');
    assert.deepEqual(
      seen().map(({ data, context }) => [data['call_uuid'], context['attempt']]),
      [
        ['bad', 1],
        ['good', 1],
        ['bad', 2],
      ],
    );
    assert.ok(
      receiver.lines.some((line) =>
        /WARN handlers: seq 1 failed, attempt 1 of 12, retried in [\d.]+ s: TypeError: not yet$/.test(line),
      ),
    );
    await until(() => state('SELECT * FROM failed_runs').length === 0, 'no failed run is left');
  });

  it('loses its thread if it never returns: receiving goes on, the others run, and it is tried again', async () => {
    const { seen, start, state } = given(`export function handleCallCompleted(data, context) {
      note('completed', data, { attempt: context.attempt });
      if (data.call_uuid === 'endless' && context.attempt === 1) for (;;);
    }`);
    const receiver = await start({ HANDLER_TIMEOUT_MS: '500' });
    await deliver(receiver, completed('endless'));
    await until(() => seen().length === 1, 'it runs');
    const answers = await Promise.all(['one', 'two', 'three'].map((id) => deliver(receiver, completed(id))));
    for (const { status } of answers) assert.equal(status, 200);
    await until(() => seen().length === 5, 'all have run, the endless one twice', 20_000);
    const runs = seen().map(({ data, context }) => `${data['call_uuid']} ${context['attempt']}`);
    assert.deepEqual(runs.toSorted(), ['endless 1', 'endless 2', 'one 1', 'three 1', 'two 1']);
    assert.ok(
      receiver.lines.some((line) =>
        /ERROR the handlers' thread has ended: a handler blocked the thread for \d+ ms, with seq 1 in progress/.test(
          line,
        ),
      ),
      receiver.lines.join('\n'),
    );
    await until(() => state('SELECT * FROM failed_runs').length === 0, 'no failed run is left');
  });

  it('that blocks in native code is ended before another thread starts', async () => {
    const { seen, start, state } = given(`import { execSync } from 'node:child_process';
    note('loaded');
    const line = JSON.stringify({ name: 'unblocked' });
    export function handleCallCompleted(data, context) {
      note('called', { attempt: context.attempt });
      if (context.attempt === 1) execSync("sleep 6; echo '" + line + "' >> " + import.meta.dirname + '/seen');
    }`);
    const receiver = await start({ HANDLER_TIMEOUT_MS: '500' });
    await deliver(receiver, completed('one'));
    await until(() => seen().length === 5, 'it has been called again', 20_000);
    assert.deepEqual(
      seen().map(({ name }) => name),
      ['loaded', 'called', 'unblocked', 'loaded', 'called'],
    );
    assert.equal(seen()[4]?.data['attempt'], 2);
    await until(() => state('SELECT * FROM failed_runs').length === 0, 'no failed run is left');
  });

  it('is identified among those running at the same time if it ends its thread', async () => {
    const { seen, start, state } = given(`export async function handleCallCompleted(data, context) {
      note('completed', data, { attempt: context.attempt });
      if (data.call_uuid === 'deadly') setTimeout(() => { throw new Error('nobody catches this') }, 20);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }`);
    const receiver = await start();
    await Promise.all(['a', 'deadly', 'b'].map((id) => deliver(receiver, completed(id))));
    await until(
      () => state('SELECT * FROM failed_runs WHERE attempts > 0').length === 1,
      'one is found to be the cause',
      20_000,
    );
    const [failed] = state('SELECT seq, error FROM failed_runs WHERE attempts > 0');
    assert.match(String(failed?.['error']), /nobody catches this/);
    const [row] = receiver.rows('SELECT seq FROM events_json WHERE body LIKE ?', '%deadly%');
    assert.equal(failed?.['seq'], row?.['seq']);
    await until(
      () => ['a', 'b'].every((id) => seen().some(({ data }) => data['call_uuid'] === id)),
      'the others run',
    );
  });

  it('runs twice if it ends its thread after its own end each time, and the others go on', async () => {
    const { seen, start, state } = given(`export function handleCallCompleted(data) {
      note('completed', data);
      if (data.call_uuid === 'late') setTimeout(() => { throw new Error('too late') }, 5);
    }`);
    const receiver = await start();
    const deaths = () =>
      receiver.lines.filter((line) =>
        line.includes("the handlers' thread has ended: too late; it is restarted"),
      );
    await deliver(receiver, completed('late'));
    await until(() => deaths().length === 2, 'the next thread has ended, too');
    await deliver(receiver, completed('next'));
    const settled = () => state('SELECT settled_seq FROM consumers')[0]?.['settled_seq'];
    await until(() => settled() === 2, 'both have been passed');
    assert.deepEqual(
      seen().map(({ data }) => data['call_uuid']),
      ['late', 'late', 'next'],
    );
    assert.equal(deaths().length, 2);
    assert.deepEqual(state('SELECT * FROM failed_runs'), []);
  });

  for (const [error, reason] of [
    ["new Error('nobody waits')", 'rejected: Error: nobody waits; await it'],
    ["new Database.SqliteError('database is locked', 'SQLITE_BUSY')", 'database is locked'],
  ] as const)
    it(`causes only a warning if it leaves a rejected promise unhandled (${error})`, async () => {
      const { seen, start } = given(`import Database from 'better-sqlite3';
        export function handleCallCompleted(data) {
          if (data.call_uuid === 'careless') void Promise.reject(${error});
          note('completed', data, {});
        }`);
      const receiver = await start();
      await deliver(receiver, completed('careless'));
      await deliver(receiver, completed('next'));
      await until(() => seen().length === 2, 'both have run');
      await receiver.logged(new RegExp(`WARN handlers: a promise that no run awaits was .*${reason}`));
      assert.ok(!receiver.lines.some((line) => line.includes('has ended')), receiver.lines.join('\n'));
    });

  it('fails if a query that it awaits is wrong; one that it does not await causes only a warning', async () => {
    const { seen, start, state } = given(`export async function handleCallCompleted(data, { query }) {
      if (data.call_uuid === 'careless') void query('SELECT * FROM nowhere');
      if (data.call_uuid === 'careful') await query('DELETE FROM calls RETURNING call_uuid');
      note('completed', data, { rows: await query('SELECT count(*) AS n FROM calls') });
    }`);
    const receiver = await start();
    for (const id of ['careless', 'careful', 'next']) await deliver(receiver, completed(id));
    await until(() => seen().length === 2, 'two have run');
    await until(() => state('SELECT * FROM failed_runs').length === 1, 'one has failed');
    const [failed] = state('SELECT seq, error FROM failed_runs');
    assert.equal(failed?.['seq'], 2);
    assert.match(String(failed?.['error']), /readonly database/);
    await receiver.logged(
      /WARN handlers: a promise that no run awaits was rejected: .*no such table: nowhere/,
    );
    assert.ok(!receiver.lines.some((line) => line.includes('has ended')), receiver.lines.join('\n'));
  });

  it('is reported, ended and tried once more if its module hangs when it is loaded again', async () => {
    const { seen, start } = given(`import { existsSync, rmSync, writeFileSync } from 'node:fs';
      const hangs = new URL('hangs', import.meta.url);
      if (existsSync(hangs)) {
        rmSync(hangs);
        await new Promise(() => setInterval(() => {}, 1_000_000));
      }
      export function handleCallCompleted(data, context) {
        note('completed', data, { attempt: context.attempt });
        if (context.attempt > 1) return;
        writeFileSync(hangs, '');
        process.exit(1);
      }`);
    const receiver = await start();
    await deliver(receiver, completed('one'));
    await receiver.logged(
      /ERROR the handlers' thread has ended: HANDLERS=.* did not load within 10000 ms/,
      20_000,
    );
    await until(() => seen().length === 2, 'it has run again', 20_000);
    assert.equal(
      seen()[1]?.context['attempt'],
      2,
      'the thread that hung was given the first run, and recorded nothing',
    );
  });

  it('runs in one of several processes on a log, and in another one after that has ended', async () => {
    const { seen, start } = given(`export function handleCallCompleted(data, context) {
      note('completed', data, {});
    }`);
    const first = await start();
    const second = await start();
    await deliver(second, completed('one'));
    await until(() => seen().length === 1, 'the first has seen what the second recorded');
    await first.close();
    await deliver(second, completed('two'));
    await until(() => seen().length === 2, 'the second has taken over');
    assert.deepEqual(
      seen().map(({ data }) => data['call_uuid']),
      ['one', 'two'],
    );
  });

  it('is not run again by a rebuild, or for events from before the first start with handlers', async () => {
    const { databasePath, seen, start } = given(`export function handleCallCompleted(data, context) {
      note('completed', data, {});
    }`);
    const without = await startReceiver({ databasePath });
    await deliver(without, completed('before'));
    await without.close();
    const receiver = await start();
    await deliver(receiver, completed('after'));
    await until(() => seen().length === 1, 'it has run');
    await rebuild(databasePath, derivations, { projections: derivations.projections });
    await deliver(receiver, completed('last'));
    await until(() => seen().length === 2, 'it has run for the next');
    assert.deepEqual(
      seen().map(({ data }) => data['call_uuid']),
      ['after', 'last'],
    );
  });

  it('prevents the start with one line if its module is wrong, and leaves nothing running', async () => {
    const { modulePath, start } = given('export function handleCallComplete() {}');
    await assert.rejects(start(), (error: Error) => {
      assert.equal(error.name, 'HandlersRefused');
      assert.match(error.message, new RegExp(`^HANDLERS=${modulePath} exports handleCallComplete, .*$`));
      return true;
    });
  });

  it('continues where it was after a stop', async () => {
    const { seen, start } = given(`export function handleCallCompleted(data, context) {
      note('completed', data, {});
    }`);
    for (const id of ['one', 'two']) {
      const receiver = await start();
      await deliver(receiver, completed(id));
      await until(() => seen().some(({ data }) => data['call_uuid'] === id), 'it has run');
      await receiver.close();
    }
    assert.equal(seen().length, 2);
  });
});

describe('a user’s own SQLite errors', () => {
  it('in a timer end the thread and are blamed on the run, like any other error', async () => {
    const { start, state } = given(`import Database from 'better-sqlite3';
      export function handleCallCompleted(data, context) {
        setTimeout(() => { throw new Database.SqliteError('database is locked', 'SQLITE_BUSY'); }, 5);
        return new Promise(() => {});
      }`);
    const receiver = await start();
    await deliver(receiver, completed('locked'));
    await receiver.logged(/thread .*database is locked .*seq 1/);
    await until(() => state('SELECT * FROM failed_runs').length === 1, 'the run is blamed');
    const [run] = state('SELECT seq, attempts, error FROM failed_runs');
    assert.deepEqual(run, { seq: 1, attempts: 1, error: 'database is locked (SQLITE_BUSY)' });
  });

  for (const code of ['SQLITE_BUSY', 'SQLITE_CORRUPT', 'SQLITE_IOERR_FSYNC', 'SQLITE_FULL'])
    it(`in a run fail only that run (${code})`, async () => {
      const { seen, start, state } = given(`import Database from 'better-sqlite3';
        export function handleCallCompleted(data) {
          if (data.call_uuid === 'bad') throw new Database.SqliteError('mine', '${code}');
          note('completed', data, {});
        }`);
      const receiver = await start();
      await deliver(receiver, completed('bad'));
      await deliver(receiver, completed('next'));
      await until(() => seen().length === 1, 'the other has run');
      await until(() => state('SELECT * FROM failed_runs').length === 1, 'the run has failed');
      assert.ok(!receiver.lines.some((line) => line.includes('has ended')), receiver.lines.join('\n'));
      assert.equal((await fetch(`${receiver.url}/health`)).status, 200);
    });
});

it('a handlers’ module gets the receiver’s own SQLite even if it has a copy of its own', async () => {
  const { folder, seen, start } = given(`import Database, { SqliteError } from 'better-sqlite3';
    import { createRequire } from 'node:module';
    const required = createRequire(import.meta.url)('better-sqlite3');
    export function handleCallCompleted() {
      note('completed', {}, { version: Database.version ?? 'real', same: required === Database && SqliteError === Database.SqliteError });
    }`);
  const copy = join(folder, 'node_modules', 'better-sqlite3');
  mkdirSync(copy, { recursive: true });
  writeFileSync(join(copy, 'package.json'), '{"name":"better-sqlite3","main":"index.js"}');
  writeFileSync(join(copy, 'index.js'), "module.exports = { version: 'a copy' };");
  const receiver = await start();
  await deliver(receiver, completed('c'));
  await until(() => seen().length === 1, 'it has run');
  assert.deepEqual(seen()[0]?.context, { version: 'real', same: true });
});

it('handlers whose thread dies between loading and the start are started all the same', async () => {
  const { seen, start } = given(`import { existsSync, writeFileSync } from 'node:fs';
    const mark = import.meta.filename + '.died';
    if (!existsSync(mark)) {
      writeFileSync(mark, '');
      setTimeout(() => { throw new Error('too early'); }, 1);
    }
    export function handleCallCompleted(data) { note('completed', data, {}); }`);
  const receiver = await start();
  await deliver(receiver, completed('c'));
  await until(() => seen().length === 1, 'it has run');
});

it('handlers that wait for a table of this version make the receiver bring it up to date', async () => {
  const { databasePath, seen, start } = given(
    "export function handleCallCompleted(data) { note('completed', data, {}); }",
  );
  const receiver = await start();
  await deliver(receiver, completed('first'));
  await until(() => seen().length === 1, 'the first has run');
  // As older code in another process does it: the event is in the log, and this version's table lacks it.
  const database = new Sqlite(databasePath);
  database.exec("UPDATE projections SET version = 0 WHERE name = 'calls'");
  appenderOf(database, derivations).append([
    delivery({ event: 'call.completed', data: { call_uuid: 'by another process' } }),
  ]);
  database.exec("UPDATE projections SET version = 1 WHERE name = 'calls'");
  database.close();
  await until(() => seen().length === 2, 'no delivery is needed for it');
});

it('a handler sees an event only after its table reflects it; forwarding does not wait', async () => {
  const { databasePath, seen, start } = given(`export async function handleSmsReceived(data, context) {
    note('received', data, { optedOut: await context.isOptedOut(data.from_number, data.tenant_id) });
  }`);
  const stop = (id: string) => ({
    event: 'sms.received',
    data: { message_id: id, from_number: '+12025550102', to_number: '+12025550101', message: 'STOP' },
  });
  const { target, env } = await forwarding();
  await (await start(env)).close();
  changeFile(databasePath, "UPDATE projections SET version = 0 WHERE name = 'contacts'");
  const unlock = lockFile(`${databasePath}-rebuild`); // the rebuild that the new version needs has to wait
  const receiver = await start(env);
  await deliver(receiver, stop('m1'));
  await until(() => target.requests.length === 1, 'it is forwarded');
  await receiver.logged('handlers: events from seq 1 on are waiting for the tables');
  assert.deepEqual(seen(), []);
  unlock?.();
  await until(() => seen().length === 1, 'the handler has run', 2 * REBUILD_RETRY_MS);
  assert.deepEqual(seen()[0]?.context, { optedOut: true });
});

it('a handler does not see an event that no table has, before a rebuild and a retry', async () => {
  const { databasePath, seen, start, state } = given(
    "export async function handleCallCompleted(data, { query }) { note('completed', data, (await query('SELECT status FROM calls'))[0]); }",
  );
  const receiver = await start();
  const database = new Sqlite(databasePath);
  database.exec(failBatches('calls'));
  // Its bad value is a failure that cannot be recorded, so the batch fails.
  await deliver(receiver, { event: 'call.completed', data: { call_uuid: 'c', duration_seconds: -1 } });
  await until(() => state('SELECT * FROM failed_runs').length === 1, 'the run waits for a person');
  assert.deepEqual(state('SELECT seq, next_at_ms FROM failed_runs'), [{ seq: 1, next_at_ms: null }]);
  assert.deepEqual(seen(), []);
  assert.ok(receiver.lines.some((line) => line.includes('no table has this event, because it could not')));
  database.exec('DROP TRIGGER failing');
  database.close();
  await rebuild(databasePath, derivations, { projections: derivations.projections });
  const store = openRunStore(runStorePath(databasePath));
  await store.retry([1], Date.now());
  await store.close();
  await until(() => seen().length === 1, 'it has run');
});

it('forwarding that is configured again after a long absence posts nothing until an operator resumes it', async () => {
  const { databasePath, start } = given();
  const { target, env } = await forwarding();
  await (await start(env)).close();
  const without = await start();
  for (const id of ['a', 'b']) await deliver(without, completed(id));
  await without.close();
  const store = openRunStore(runStorePath(databasePath));
  await store.setState('forward', 'running', Date.now() - CONSUMER_ABSENCE_MS - 60_000);

  const receiver = await start(env);
  await receiver.logged(/forward: last ran at .*; events missed since then: 2, failed runs: 0;/);
  await deliver(receiver, completed('c'));
  await store.resume('forward', undefined, Date.now());
  await until(() => target.requests.length === 3, 'all are posted now');
  assert.deepEqual(
    target.requests.map(({ body }) => (JSON.parse(body) as { seq: number }).seq),
    [1, 2, 3],
  );
  await store.close();
});

describe('forwarding in a receiver', () => {
  it('needs only configuration, and survives a target that is down for a while', async () => {
    let isDown = true;
    const { target, env } = await forwarding((response) => void response.writeHead(isDown ? 500 : 200).end());
    const receiver = await given().start({ ...env, FORWARD_EVENTS: 'call.completed' });
    await deliver(receiver, completed('call-1'));
    await deliver(receiver, { event: 'call.ringing', data: { call_uuid: 'call-1' } });
    await receiver.logged('forward: seq 1 failed');
    const before = target.requests.length;
    isDown = false;
    await until(() => target.requests.length === before + 1, 'it has arrived');
    assert.equal((JSON.parse(target.requests.at(-1)?.body ?? '') as Record<string, unknown>)['seq'], 1);
  });
});

it('the README’s three handlers do what they say', async () => {
  const root = join(import.meta.dirname, '../..');
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const [, snippet = ''] = /^```js\n(\/\/ handlers\.mjs[\s\S]*?)^```/m.exec(readme) ?? [];
  const { folder, modulePath, start } = given();
  const { target: chat } = await forwarding();
  const crmPath = join(folder, 'crm.db');
  const module = snippet.replace('https://chat.example/hook', chat.url).replace('crm.db', crmPath);
  assert.ok(module.includes(chat.url) && module.includes(crmPath), 'the README uses other URLs or paths');
  writeFileSync(modulePath, module);
  const receiver = await start({ HANDLERS: modulePath });

  await deliver(receiver, completed('call-1'));
  await deliver(receiver, {
    event: 'call.failed',
    data: { call_uuid: 'call-2', to_number: '+12025550101', error_message: 'Number unallocated' },
  });
  await deliver(receiver, {
    event: 'sms.received',
    data: { message_id: 'm1', from_number: '+12025550102', to_number: '+12025550101', message: 'STOP' },
  });
  await until(() => chat.requests.length === 1, 'the chat was notified');
  assert.deepEqual(JSON.parse(chat.requests[0]?.body ?? ''), {
    text: 'Call to +12025550101 failed: Number unallocated',
  });
  await receiver.logged(/seq 3: message m1 is from someone who has opted out$/);
  const crm = new Sqlite(crmPath, { readonly: true });
  assert.deepEqual(crm.prepare('SELECT call_uuid, seconds FROM talks').all(), [
    { call_uuid: 'call-1', seconds: 65 },
  ]);
  crm.close();
});
