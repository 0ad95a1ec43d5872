/** Several servers on one file: safe, with one log and one set of tables. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkTables } from '../src/core/check-tables.ts';
import { derivations } from '../src/projections/index.ts';
import { deliver, query, SECRET, temporaryFolder } from './support/receiver.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const DELIVERIES = 600;

/** A server process of its own. @returns when it listens */
async function startProcess(
  cwd: string,
  databasePath: string,
): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), MAIN], {
    cwd,
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      HOST: '127.0.0.1',
      WEBHOOK_SECRET: SECRET,
      DATABASE_URL: databasePath,
      LOG_FORMAT: 'json',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const record = JSON.parse(line) as { message: string; url?: string };
    if (record.message !== 'listening') continue;
    child.stdout.resume();
    return { url: (record.url ?? '').replace(/\/webhooks$/, ''), child };
  }
  throw new Error('the server ended before it listened');
}

it('two processes that start on one new file and share the deliveries record each body once', async () => {
  const folder = temporaryFolder();
  const databasePath = join(folder.path, 'irisx.db');
  const servers = await Promise.all([
    startProcess(folder.path, databasePath),
    startProcess(folder.path, databasePath),
  ]);

  const body = (n: number) => ({
    event: n % 2 === 0 ? 'call.initiated' : 'call.completed',
    data: { call_uuid: `c-${n >> 1}` },
  });
  let duplicates = 0;
  const seqs = new Map<number, number>();
  const send = async (n: number, server: { url: string }) => {
    const { status, json } = await deliver(server, body(n));
    assert.equal(status, 200);
    if (json['duplicate'] === true) duplicates += 1;
    const seq = json['seq'] as number;
    assert.equal(seqs.get(n) ?? seq, seq, `delivery ${n} has two places in the log`);
    seqs.set(n, seq);
  };
  for (let n = 0; n < DELIVERIES; n += 20) {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => index + n).flatMap((each) =>
        servers.map((server) => send(each, server)),
      ),
    );
  }

  assert.equal(duplicates, DELIVERIES);
  const rows = query(
    databasePath,
    'SELECT count(*) AS n, max(seq) AS head, count(DISTINCT body) AS bodies FROM events',
  );
  assert.deepEqual(rows, [{ n: DELIVERIES, head: DELIVERIES, bodies: DELIVERIES }]);
  assert.deepEqual(
    checkTables(databasePath, derivations).checks.flatMap(({ differences }) => differences),
    [],
  );
  for (const { child } of servers) {
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number];
    assert.equal(code, 0);
  }
  folder.remove();
});
