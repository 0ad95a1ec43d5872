/** Handlers beside a whole receiver: called once an event is in the log, and never in the sender's way. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { runStorePath } from '../../src/core/run-store.ts';
import { deliver, startReceiver, type TestReceiver, temporaryFolder, until } from '../support/receiver.ts';

const folders: { remove: () => void }[] = [];
const receivers: TestReceiver[] = [];
afterEach(async () => {
  for (const receiver of receivers.splice(0)) await receiver.close();
  for (const folder of folders.splice(0)) folder.remove();
});

interface Seen {
  readonly name: string;
  readonly data: Record<string, unknown>;
  readonly context: Record<string, unknown>;
}

/** A module of handlers in a folder of its own; `note(name, data, context)` writes what they see to a file. */
function given(source: string) {
  const folder = temporaryFolder();
  folders.push(folder);
  const modulePath = join(folder.path, 'handlers.mjs');
  const seenPath = join(folder.path, 'seen');
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
    const receiver = await startReceiver({ databasePath, env: { HANDLERS: modulePath, ...env } });
    receivers.push(receiver);
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
  it('is called with the normalised data and with what is known of the event', async () => {
    const { seen, start } = given(`export function handleCallCompleted(data, context) {
      const { signal, log, query, ...plain } = context;
      note('completed', data, { ...plain, aborted: signal.aborted, rows: query('SELECT call_uuid, status FROM calls WHERE call_uuid = ?', data.call_uuid) });
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
});
