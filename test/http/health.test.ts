/** GET /health: its exact format, and that it does not wait for the writer. */

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { answerHealth } from '../../src/http/endpoints.ts';
import { deliver, startReceiver, type TestReceiver, until } from '../support/receiver.ts';

const NOW_MS = 1_800_000_000_000;

let monotonicMs = 50_000;
let receiver: TestReceiver;
before(async () => {
  receiver = await startReceiver({ now: () => NOW_MS, monotonicMs: () => monotonicMs });
});
after(() => receiver.close());

it('a healthy receiver says so, with its time and its uptime in whole seconds', async () => {
  const health = async () => {
    const response = await fetch(`${receiver.url}/health`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('cache-control'), 'no-store');
    const { request_id, ...rest } = (await response.json()) as Record<string, unknown>;
    assert.equal(request_id, response.headers.get('x-request-id'));
    return rest;
  };
  const expected = {
    status: 'healthy',
    service: 'IRISX Webhook Handler',
    timestamp: new Date(NOW_MS).toISOString(),
  };
  assert.deepEqual(await health(), { ...expected, uptime: 0 });
  monotonicMs += 61_999;
  assert.deepEqual(await health(), { ...expected, uptime: 61 });
});

it('the status is 503 while storage fails and while the server drains, and lagging tables are named', () => {
  const of = (storage: 'ok' | 'failing' | 'lost', draining = false, lagging: string[] = []) => {
    const { status, body } = answerHealth({ storage, lagging }, draining, NOW_MS, 1);
    return [
      status,
      (body as Record<string, unknown>)['status'],
      (body as Record<string, unknown>)['projections_behind'],
    ];
  };
  assert.deepEqual(of('ok'), [200, 'healthy', undefined]);
  assert.deepEqual(of('failing'), [503, 'storage_failing', undefined]);
  assert.deepEqual(of('lost'), [503, 'storage_failing', undefined]);
  assert.deepEqual(of('ok', true), [503, 'shutting_down', undefined]);
  assert.deepEqual(of('lost', true), [503, 'shutting_down', undefined]);
  assert.deepEqual(of('ok', false, ['calls']), [200, 'healthy', ['calls']]);
});

it('is served while the writer waits for another program’s lock, which costs a delivery only the wait', async () => {
  const other = new Sqlite(receiver.databasePath);
  other.exec('BEGIN IMMEDIATE');
  let answered = false;
  const waiting = deliver(receiver, { event: 'call.dtmf' }, { timestamp: NOW_MS / 1000 }).then((answer) => {
    answered = true;
    return answer;
  });
  for (let round = 0; round < 20; round++) {
    const startedMs = performance.now();
    assert.equal((await fetch(`${receiver.url}/health`)).status, 200);
    assert.ok(performance.now() - startedMs < 250);
  }
  assert.equal(answered, false);
  other.exec('ROLLBACK');
  other.close();
  assert.equal((await waiting).status, 200);
  await until(() => answered, 'the delivery is answered');
});
