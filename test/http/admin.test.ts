/** The admin listener of a complete receiver: access to it, its metrics, and that it cannot stop receiving. */

import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { freePort } from '../support/free-port.ts';
import {
  deliver,
  post,
  signedHeaders,
  startReceiver,
  type TestOptions,
  type TestReceiver,
} from '../support/receiver.ts';

const TOKEN = 'a-token-of-thirty-two-characters';
const receivers: TestReceiver[] = [];
afterEach(async () => {
  for (const receiver of receivers.splice(0)) await receiver.close();
});

async function start(
  env: Record<string, string> = {},
  options: TestOptions = {},
): Promise<TestReceiver & { readonly adminUrl: string }> {
  const receiver = await startReceiver({ ...options, env: { ADMIN_PORT: String(await freePort()), ...env } });
  receivers.push(receiver);
  assert.ok(receiver.adminUrl !== undefined, receiver.lines.join('\n'));
  return { ...receiver, adminUrl: receiver.adminUrl };
}

/** A request with any Host header, which fetch would not send. */
function get(url: string, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    })
      .on('error', reject)
      .end();
  });
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
    await deliver(receiver, ringing);
    await deliver(receiver, ringing);
    await deliver(receiver, { event: 'call.ringing', data: {} });
    await deliver(receiver, { event: 'a.type.of.its.own', data: {} });
    await post(receiver, '{}', { ...signedHeaders('{}'), 'X-IRISX-Signature': '0'.repeat(64) });

    const response = await fetch(`${receiver.adminUrl}metrics`);
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    const samples = samplesOf(await response.text());
    const expected: Record<string, number> = {
      'irisx_deliveries_total{type="call.ringing",answer="recorded"}': 1,
      'irisx_deliveries_total{type="call.ringing",answer="duplicate"}': 1,
      'irisx_deliveries_total{type="call.ringing",answer="unusable"}': 1,
      'irisx_deliveries_total{type="other",answer="recorded"}': 1,
      'irisx_rejections_total{cause="invalid_signature"}': 1,
      'irisx_rejections_total{cause="rate_limited"}': 0,
      'irisx_answers_total{status="200"}': 4,
      'irisx_answers_total{status="401"}': 1,
      irisx_duplicates_total: 1,
      irisx_failures_total: 1,
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
    assert.ok(samples.has('irisx_event_loop_delay_seconds{quantile="0.99"}'));
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

  it('without a token answers only to this machine’s own names', async () => {
    const { adminUrl } = await start();
    const { port } = new URL(adminUrl);
    assert.equal((await get(`${adminUrl}metrics`, { Host: `localhost:${port}` })).status, 200);
    assert.equal((await get(`${adminUrl}metrics`, { Host: `[::1]:${port}` })).status, 200);
    assert.equal((await get(`${adminUrl}metrics`, { Host: `rebound.example:${port}` })).status, 403);
  });

  it('with a token requires it everywhere except at /ready', async () => {
    const { adminUrl } = await start({ ADMIN_TOKEN: TOKEN });
    const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;
    const status = async (path: string, authorization?: string) =>
      (await fetch(adminUrl + path, { headers: authorization === undefined ? {} : { authorization } }))
        .status;
    assert.equal(await status('metrics'), 401);
    assert.equal(await status(''), 401);
    assert.equal(await status('metrics', `Bearer ${TOKEN}x`), 401);
    assert.equal(await status('metrics', basic(`admin:${TOKEN.slice(1)}`)), 401);
    assert.equal(await status('metrics', `Bearer ${TOKEN}`), 200);
    assert.equal(await status('metrics', basic(`admin:${TOKEN}`)), 200);
    assert.equal(await status('metrics', basic(`:${TOKEN}`)), 200);
    assert.equal(await status('ready'), 200);
    const asked = await fetch(`${adminUrl}metrics`);
    assert.match(asked.headers.get('www-authenticate') ?? '', /^Basic realm=/);
  });

  it('reports a page that fails, and receiving goes on', async () => {
    const receiver = await start({}, { isNotSound: true });
    const other = new Sqlite(receiver.databasePath);
    other.exec('DROP VIEW report_opt_outs; DROP TABLE contacts');
    other.close();
    const page = await fetch(receiver.adminUrl);
    assert.equal(page.status, 500);
    assert.equal(await page.text(), 'This page failed; see the log for the reason.\n');
    assert.ok(
      receiver.lines.some((line) => line.includes('ERROR an admin page failed: no such table: contacts')),
      receiver.lines.join('\n'),
    );
    assert.equal((await deliver(receiver, ringing)).status, 200);
    assert.equal((await fetch(`${receiver.adminUrl}ready`)).status, 200);
  });

  it('is left out if its port is in use', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const receiver = await startReceiver({ env: { ADMIN_PORT: String(port) } });
    receivers.push(receiver);
    assert.equal(receiver.adminUrl, undefined);
    assert.ok(
      receiver.lines.some((line) => line.includes(`ADMIN_PORT=${port} is in use by another program`)),
      receiver.lines.join('\n'),
    );
    assert.equal((await deliver(receiver, ringing)).status, 200);
    taken.close();
  });
});
