/** The admin listener of a complete receiver: access to it, its metrics, and that it cannot stop receiving. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { readConfig } from '../../src/config/config.ts';
import { ADMIN_COOKIE_S } from '../../src/core/limits.ts';
import { createAdminAccess } from '../../src/http/admin/admin-access.ts';
import { keepAdmin } from '../../src/keep-admin.ts';
import { changeFile, modeOf } from '../support/database.ts';
import { freePort, takenPort } from '../support/free-port.ts';
import { askRaw, exchangeRaw, type RawAnswer, request } from '../support/raw.ts';
import {
  deliver,
  post,
  signedHeaders,
  startReceiver,
  type TestOptions,
  type TestReceiver,
  temporaryFolder,
} from '../support/receiver.ts';
import { undoneAfterEach } from '../support/undo.ts';

const TOKEN = 'a-token-of-thirty-two-characters';
type AdminReceiver = TestReceiver & { readonly adminUrl: string; readonly adminToken: string };

const atEnd = undoneAfterEach();

/** A folder for the databases of one test. */
function newFolder(): string {
  const folder = temporaryFolder();
  atEnd(folder.remove);
  return folder.path;
}

async function start(env: Record<string, string> = {}, options: TestOptions = {}): Promise<AdminReceiver> {
  const receiver = await startReceiver({ ...options, env: { ADMIN_PORT: String(await freePort()), ...env } });
  atEnd(receiver.close);
  const { adminUrl, adminToken } = receiver;
  assert.ok(adminUrl !== undefined && adminToken !== undefined, receiver.lines.join('\n'));
  return { ...receiver, adminUrl, adminToken };
}

const bearer = (token: string): RequestInit => ({ headers: { Authorization: `Bearer ${token}` } });

/** The answer to a GET whose target and headers are sent unchanged, which fetch would not do. */
async function getRaw(url: string, target: string, ...headers: string[]): Promise<RawAnswer> {
  const text = request(`GET ${target} HTTP/1.1`, [...headers, 'Connection: close']);
  const [answer] = await exchangeRaw(Number(new URL(url).port), text);
  assert.ok(answer);
  return answer;
}

/** The samples of a text in the Prometheus format. */
function samplesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [, name = '', value = ''] = /^(\S+) (\S+)$/.exec(line) ?? [];
      assert.notEqual(name, '', line);
      return [name, Number(value)];
    }),
  );
}

const ringing = { event: 'call.ringing', timestamp: '2026-01-05T09:00:00Z', data: { call_uuid: 'call-1' } };

describe('the metrics', () => {
  it('count deliveries by type and answer, refusals by reason, batches and commits', async () => {
    const receiver = await start();
    const incomplete = { ...ringing, data: { ...ringing.data, direction: 5 } };
    await deliver(receiver, incomplete);
    await deliver(receiver, incomplete);
    await deliver(receiver, { event: 'call.ringing', data: {} });
    await deliver(receiver, { event: 'a.type.of.its.own', data: {} });
    await post(receiver, '{}', { ...signedHeaders('{}'), 'X-IRISX-Signature': '0'.repeat(64) });
    assert.equal((await askRaw(receiver.port, 'not HTTP\r\n\r\n')).status, 400);

    const response = await fetch(`${receiver.adminUrl}metrics`);
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    const samples = samplesOf(await response.text());
    const deliveries = [...samples.keys()].filter((name) => name.startsWith('irisx_deliveries_total'));
    assert.deepEqual(deliveries, deliveries.toSorted(), 'in an order that does not depend on the deliveries');
    const expected: Record<string, number> = {
      'irisx_deliveries_total{type="call.ringing",answer="recorded"}': 1,
      'irisx_deliveries_total{type="call.ringing",answer="duplicate"}': 1,
      'irisx_deliveries_total{type="call.ringing",answer="unusable"}': 1,
      'irisx_deliveries_total{type="other",answer="recorded"}': 1,
      'irisx_rejections_total{cause="invalid_signature"}': 1,
      'irisx_rejections_total{cause="rate_limited"}': 0,
      'irisx_answers_total{status="200"}': 4,
      'irisx_answers_total{status="400"}': 1,
      'irisx_answers_total{status="401"}': 1,
      irisx_duplicates_total: 1,
      irisx_failures_total: 1,
      irisx_incomplete_total: 1,
      irisx_batch_deliveries_count: 4,
      irisx_batch_deliveries_sum: 4,
      'irisx_batch_deliveries_bucket{le="1"}': 4,
      'irisx_commit_seconds_bucket{le="+Inf"}': 4,
      irisx_queue_deliveries: 0,
      irisx_storage_ok: 1,
      irisx_log_head_seq: 3,
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(samples.get(name), value, name);
    for (const name of ['irisx_wal_bytes', 'irisx_database_bytes', 'process_resident_memory_bytes'])
      assert.ok((samples.get(name) ?? 0) > 0, name);
    assert.ok((samples.get('irisx_commit_seconds_sum') ?? 0) > 0);
    for (const name of ['p50', 'p99', 'max'])
      assert.ok((samples.get(`irisx_event_loop_delay_${name}_seconds`) ?? -1) >= 0, name);
  });

  it('show how far handlers are behind, if they run here', async () => {
    const receiver = await start({
      FORWARD_URL: 'http://127.0.0.1:1/', // nothing listens there
      FORWARD_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
    });
    await deliver(receiver, ringing);
    const samples = samplesOf(await (await fetch(`${receiver.adminUrl}metrics`)).text());
    const backlog = samples.get('irisx_handlers_backlog_events{consumer="forward"}');
    assert.ok(backlog === 0 || backlog === 1, String(backlog));
  });

  it('pass Prometheus’s linter, before and after deliveries, refusals, handler runs and forwarding', async (t) => {
    if (spawnSync('promtool', ['--version']).error !== undefined) {
      assert.ok(process.env['CI'] === undefined, 'promtool is not installed');
      return t.skip('needs promtool, which is in the Debian package prometheus');
    }
    const handlersPath = join(newFolder(), 'handlers.mjs');
    writeFileSync(handlersPath, 'export function handleCallRinging() { throw new Error("no"); }');
    const receiver = await start({
      HANDLERS: handlersPath,
      FORWARD_URL: 'http://127.0.0.1:1/',
      FORWARD_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
    });
    const check = async () => {
      const input = await (await fetch(`${receiver.adminUrl}metrics`)).text();
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input,
        encoding: 'utf8',
      });
      assert.deepEqual([status, stdout, stderr], [0, '', ''], input);
      return input;
    };
    await check();
    await deliver(receiver, ringing);
    await deliver(receiver, ringing);
    await deliver(receiver, { event: 'call.ringing', data: {} });
    await deliver(receiver, { event: 'a "type" of\nits own \\', data: {} });
    await post(receiver, '{}', { ...signedHeaders('{}'), 'X-IRISX-Signature': '0'.repeat(64) });
    await askRaw(receiver.port, 'not HTTP\r\n\r\n');
    await fetch(`${receiver.url}/nowhere`);
    const text = await check();
    assert.match(text, /_total\{type="call\.ringing",answer="duplicate"\} 1\n/);
    for (const name of ['handlers', 'forward'])
      assert.match(text, new RegExp(`\\{consumer="${name}"\\} \\d+\n`));
  });
});

it('the metrics need no token, and contain nothing about a person, a tenant or an event', async () => {
  const receiver = await start();
  const marks = ['+12025550100', 'tenant-mark', 'call-mark', 'type.mark', 'path-mark', 'header-mark'];
  const data = { call_uuid: 'call-mark', tenant_id: 'tenant-mark', from_number: '+12025550100' };
  for (const event of ['call.initiated', 'call.completed', 'type.mark'])
    await deliver(receiver, { event, data }, { headers: { 'X-IRISX-Event': 'header-mark' } });
  await deliver(receiver, {
    event: 'sms.received',
    data: { ...data, message_id: 'call-mark', message: 'STOP' },
  });
  await fetch(`${receiver.url}/path-mark`);
  const text = await (await fetch(`${receiver.adminUrl}metrics`)).text();
  for (const mark of marks) assert.ok(!text.includes(mark), mark);
  const labels = [...text.matchAll(/([a-z]+)="([^"]*)"/g)];
  assert.ok(labels.length > 20);
  for (const [pair, label = '', value = ''] of labels)
    assert.match(value, /^(le|status)$/.test(label) ? /^(\d+(\.\d+)?|\+Inf)$/ : /^[a-z_.]+$/, pair);
});

describe('the admin listener', () => {
  it('answers only GET and HEAD, and its headers forbid everything that a page does not need', async () => {
    const { adminUrl } = await start();
    const refused = await fetch(`${adminUrl}metrics`, { method: 'POST' });
    assert.equal(refused.status, 405);
    assert.equal(refused.headers.get('allow'), 'GET, HEAD');
    const head = await fetch(`${adminUrl}metrics`, { method: 'HEAD' });
    assert.equal(head.status, 200);
    assert.match(head.headers.get('content-security-policy') ?? '', /^default-src 'none';/);
    assert.equal(head.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(head.headers.get('cache-control'), 'no-store');
  });

  it('is not on the public port', async () => {
    const receiver = await start();
    for (const path of ['/', '/metrics', '/ready', '/events'])
      assert.equal((await fetch(receiver.url + path)).status, 404, path);
  });

  it('accepts a target in absolute form by its path', async () => {
    const { adminUrl } = await start();
    const port = Number(new URL(adminUrl).port);
    for (const [target, status] of [
      [`http://127.0.0.1:${port}/ready/`, 200],
      ['HTTPS://elsewhere.example/ready?x', 200],
      ['http://elsewhere.example', 401],
      [`http://elsewhere.example?token=${TOKEN}`, 401],
      ['ftp://elsewhere.example/ready', 401],
    ] as const) {
      const [answer] = await exchangeRaw(port, request(`GET ${target} HTTP/1.1`, ['Connection: close']));
      assert.equal(answer?.status, status, target);
    }
  });

  it('reports a page that fails, and receiving goes on', async () => {
    const receiver = await start({}, { skipsLogCheck: true });
    changeFile(receiver.databasePath, 'DROP TABLE failures');
    const page = await fetch(receiver.adminUrl, bearer(receiver.adminToken));
    assert.equal(page.status, 500);
    assert.equal(await page.text(), 'This page failed; see the log for the reason.\n');
    assert.ok(
      receiver.lines.some((line) => line.includes('ERROR an admin page failed: no such table: failures')),
      receiver.lines.join('\n'),
    );
    assert.equal((await deliver(receiver, ringing)).status, 200);
    assert.equal((await fetch(`${receiver.adminUrl}ready`)).status, 200);
  });

  it('never takes the socket that a supervisor holds for the public port', async (t) => {
    const databasePath = join(newFolder(), 'irisx.db');
    const env = { DATABASE_URL: databasePath, ADMIN_PORT: String(await freePort()), ADMIN_TOKEN: TOKEN };
    const config = { ...readConfig(env), listenFd: 9999 }; // a descriptor that cannot be used
    const warnings: string[] = [];
    const { pages, close } = await keepAdmin({
      ...config,
      processState: () => assert.fail('nothing asks for it'),
      sizes: () => assert.fail('nothing asks for it'),
      log: (_level, message) => void warnings.push(message),
      now: Date.now,
    });
    t.after(close);
    assert.deepEqual(warnings, []);
    assert.equal(pages?.url, `http://127.0.0.1:${env.ADMIN_PORT}/`);
  });

  it('is left out if its port is in use', async () => {
    const { port, close } = await takenPort();
    const receiver = await startReceiver({ env: { ADMIN_PORT: String(port) } });
    atEnd(receiver.close);
    assert.equal(receiver.adminUrl, undefined);
    assert.ok(
      receiver.lines.some((line) => line.includes(`ADMIN_PORT=${port} is in use by another program`)),
      receiver.lines.join('\n'),
    );
    assert.equal((await deliver(receiver, ringing)).status, 200);
    await close();
  });
});

describe('the pages', () => {
  const PATHS = ['/', '/events', '/events/1', '/nothing', '//evil', '*'];

  it('show nothing to a request without the token', async () => {
    const receiver = await start();
    await deliver(receiver, { event: 'sms.received', data: { message_id: 'id-mark', message: 'text-mark' } });
    const folder = dirname(receiver.databasePath);
    for (const target of PATHS)
      for (const headers of [
        [],
        ['Authorization: Basic Og=='],
        ['Authorization: Bearer'],
        [`Authorization: Bearer ${receiver.adminToken}x`],
        [`Authorization: Basic ${Buffer.from(`:${receiver.adminToken}`).toString('base64')}`],
        [`Cookie: irisx-admin-${new URL(receiver.adminUrl).port}=${receiver.adminToken}`],
      ]) {
        const answer = await getRaw(receiver.adminUrl, target, ...headers);
        assert.equal(answer.status, 401, `${target} ${headers}`);
        assert.match(answer.body, /The token is in the file admin-token next to the database\./);
        assert.doesNotMatch(answer.headers['www-authenticate'] ?? '', /basic/i);
        assert.equal(answer.headers['set-cookie'], undefined);
        for (const mark of [receiver.adminToken, folder, 'mark', 'sms'])
          assert.ok(!answer.body.includes(mark), `${target}: ${mark}`);
      }
    assert.deepEqual(
      receiver.lines.filter((line) => line.includes(receiver.adminToken)),
      [],
    );
  });

  it('are shown to a request with the token', async () => {
    const made = await start();
    assert.equal((await fetch(made.adminUrl, bearer(made.adminToken))).status, 200);
    const token = 'clé ☎ of my own choice';
    const chosen = await start({ ADMIN_TOKEN: token });
    assert.match((await getRaw(chosen.adminUrl, '/')).body, /The token is the value of ADMIN_TOKEN\./);
    assert.equal((await getRaw(chosen.adminUrl, '/', `Authorization: bearer ${token}`)).status, 200);
    const opened = await getRaw(chosen.adminUrl, `/?token=${encodeURIComponent(token)}`);
    assert.equal(opened.status, 303);
  });

  it('are opened by a link with the token, which redirects to the same address without it', async () => {
    const { adminUrl, adminToken } = await start();
    const { port } = new URL(adminUrl);
    const opened = await fetch(`${adminUrl}events?type=sms.*&token=${adminToken}&subject=a%26b`, {
      redirect: 'manual',
    });
    assert.equal(opened.status, 303);
    assert.equal(opened.headers.get('location'), '/events?type=sms.*&subject=a%26b');
    assert.equal(opened.headers.get('cache-control'), 'no-store');
    const cookie = opened.headers.get('set-cookie') ?? '';
    assert.match(
      cookie,
      new RegExp(
        `^irisx-admin-${port}=\\d+\\.[0-9a-f]{64}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${ADMIN_COOKIE_S}$`,
      ),
    );
    assert.ok(!cookie.includes(adminToken));
    const [pair = ''] = cookie.split(';');
    const page = await getRaw(adminUrl, '/events?type=sms.*', `Cookie: theme=dark; ${pair}`);
    assert.equal(page.status, 200);
    assert.ok(!page.body.includes(adminToken));

    const head = await fetch(`${adminUrl}?token=${adminToken}`, { method: 'HEAD', redirect: 'manual' });
    assert.equal(head.status, 303);
    const post = await fetch(`${adminUrl}?token=${adminToken}`, { method: 'POST', redirect: 'manual' });
    assert.equal(post.status, 405);
    assert.equal(post.headers.get('set-cookie'), null);
  });

  it('never redirect to another host', async () => {
    const { adminUrl, adminToken } = await start();
    for (const target of [
      '//evil',
      '//evil/events',
      '///evil',
      '/\\evil',
      '/\\/evil',
      '/.//evil',
      '/..//evil',
      '/%2fevil',
      '/%0d%0aLocation:%20//evil',
      '/evil@evil:80',
      'http://evil/events',
      'http://evil//evil',
      'ftp://evil/',
    ]) {
      const { status, headers } = await getRaw(adminUrl, `${target}?token=${adminToken}`);
      assert.equal(status, 303, target);
      const location = headers['location'] ?? '';
      assert.match(location, /^\/(?![/\\])/, target);
      assert.equal(new URL(location, adminUrl).host, new URL(adminUrl).host, target);
    }
  });

  it('report a wrong token, even with a valid cookie, and keep the other parameters', async () => {
    const { adminUrl, adminToken, lines } = await start();
    const { port } = new URL(adminUrl);
    const cookie = `Cookie: ${createAdminAccess(adminToken, Number(port)).cookie(Date.now()).split(';')[0]}`;
    const wrong = await getRaw(adminUrl, '/events?type=%22%3E%3Cb%3E&token=guessed', cookie);
    assert.equal(wrong.status, 401);
    assert.match(wrong.body, /Wrong token\./);
    assert.match(
      wrong.body,
      /<form method="get">\s*<input type="hidden" name="type" value="&quot;&gt;&lt;b&gt;">/,
    );
    assert.doesNotMatch(wrong.body, /guessed|<b>/);
    assert.doesNotMatch((await getRaw(adminUrl, '/events')).body, /Wrong token/);
    assert.doesNotMatch(lines.join(), /guessed/);
  });

  it('need a token on any address', async () => {
    const { adminUrl } = await start({ ADMIN_HOST: '0.0.0.0' });
    assert.equal(new URL(adminUrl).hostname, 'localhost');
    assert.equal((await getRaw(adminUrl, '/')).status, 401);
  });
});

describe('a cookie of the pages', () => {
  const NOW_MS = 1_800_000_000_500;
  const access = createAdminAccess(TOKEN, 3001);
  const pairOf = (cookie: string) => cookie.split(';')[0] ?? '';
  const good = pairOf(access.cookie(NOW_MS));
  const isGranted = (cookie: string, nowMs = NOW_MS) => access.isGranted({ cookie }, nowMs);

  it('is valid from its creation until it expires', () => {
    const endMs = (Math.floor(NOW_MS / 1000) + ADMIN_COOKIE_S) * 1000;
    assert.equal(isGranted(good), true);
    assert.equal(isGranted(`a=b; ${good} ;c`), true);
    assert.equal(isGranted(good, endMs - 1), true);
    assert.equal(isGranted(good, endMs), false);
    assert.equal(isGranted(good, endMs + 1), false);
  });

  it('is refused if it expires later than a new one would, for example after a clock error', () => {
    for (const laterS of [1, ADMIN_COOKIE_S, 1e9])
      assert.equal(isGranted(pairOf(access.cookie(NOW_MS + laterS * 1000))), false, String(laterS));
  });

  it('is refused if it was changed, truncated, repeated, or made with another token', () => {
    const [name = '', value = ''] = good.split('=');
    const [expiry = '', proof = ''] = value.split('.');
    for (const cookie of [
      '',
      name,
      `${name}=`,
      `${name}=.`,
      `${name}=${expiry}`,
      `${name}=${expiry}.`,
      `${name}=.${proof}`,
      `${name}=${Number(expiry) - 1}.${proof}`,
      `${name}=0${expiry}.${proof}`,
      `${name}=${expiry}.${proof.slice(0, -1)}`,
      `${name}=${expiry}.${proof}0`,
      `${name}=${expiry}.${proof.toUpperCase()}`,
      `${name}=${expiry}.${'0'.repeat(64)}`,
      `${name}="${value}"`,
      `${name}=${TOKEN}`,
      `${name} =${value}`,
      `x${good}`,
      `${good}; ${good}`,
      `${good}; ${name}=`,
      `${name}=x; ${good}`,
      pairOf(createAdminAccess(`${TOKEN}x`, 3001).cookie(NOW_MS)),
      pairOf(createAdminAccess(TOKEN, 3002).cookie(NOW_MS)),
    ])
      assert.equal(isGranted(cookie), false, cookie);
  });

  it('expires by the receiver’s clock', async () => {
    let nowMs = NOW_MS;
    const { adminUrl, adminToken } = await start({}, { now: () => nowMs });
    const opened = await fetch(`${adminUrl}?token=${adminToken}`, { redirect: 'manual' });
    const headers = { Cookie: pairOf(opened.headers.get('set-cookie') ?? '') };
    assert.equal((await fetch(adminUrl, { headers })).status, 200);
    nowMs += ADMIN_COOKIE_S * 1000;
    assert.equal((await fetch(adminUrl, { headers })).status, 401);
  });
});

describe('the token', () => {
  it('is created once, readable only by its owner, and is the same for every process and after a restart', async () => {
    const folder = newFolder();
    const databasePath = join(folder, 'irisx.db');
    const first = await start({}, { databasePath });
    const second = await start({}, { databasePath });
    const path = join(folder, 'admin-token');
    assert.match(first.adminToken, /^[0-9a-f]{32}$/);
    assert.equal(readFileSync(path, 'utf8'), `${first.adminToken}\n`);
    assert.equal(modeOf(path), '0600');
    assert.equal(second.adminToken, first.adminToken);
    for (const receiver of [first, second]) await receiver.close();
    const third = await start({}, { databasePath });
    assert.equal(third.adminToken, first.adminToken);
    const chosen = await start({ ADMIN_TOKEN: TOKEN }, { databasePath });
    assert.equal(chosen.adminToken, TOKEN);
  });

  it('is not created if there are no pages, or if ADMIN_TOKEN is set', async () => {
    const folder = newFolder();
    for (const env of [{ ADMIN_PORT: '0' }, { ADMIN_TOKEN: TOKEN, ADMIN_PORT: String(await freePort()) }]) {
      const receiver = await startReceiver({ databasePath: join(folder, 'irisx.db'), env });
      await receiver.close();
      assert.throws(() => readFileSync(join(folder, 'admin-token')), { code: 'ENOENT' });
    }
  });

  it('that cannot be stored disables the pages, never receiving, and the log says why and what to do', async () => {
    const folder = newFolder();
    const path = join(folder, 'admin-token');
    for (const [make, problem] of [
      [() => mkdirSync(path), /EISDIR/],
      [() => writeFileSync(path, '\n'), /admin-token is empty: delete it/],
      [() => writeFileSync(path, 'short'), /admin-token has 5 characters, but needs 16: delete it/],
      [() => symlinkSync('/nowhere/admin-token', path), /ENOENT/],
    ] as const) {
      make();
      const env = { ADMIN_PORT: String(await freePort()) };
      const receiver = await startReceiver({ databasePath: join(folder, 'irisx.db'), env });
      atEnd(receiver.close);
      assert.equal(receiver.adminUrl, undefined);
      const line = receiver.lines.find((text) => text.includes('WARN no admin pages')) ?? '';
      assert.match(line, problem);
      assert.match(line, /set ADMIN_TOKEN/);
      assert.equal((await deliver(receiver, ringing)).status, 200);
      await receiver.close();
      rmSync(path, { recursive: true });
    }
  });
});
