/** Rebuilding: while a server runs, killed half-way, by newer code, and never by older code. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { RebuildOptions } from '../../../src/core/engine/engine.ts';
import type { Delivery } from '../../../src/core/event/delivery.ts';
import { REBUILD_FOLD_EVENTS } from '../../../src/core/limits.ts';
import type { Derivations, Projection } from '../../../src/core/tables/projection.ts';
import { openDatabase } from '../../../src/engines/sqlite/file/database.ts';
import { rebuild } from '../../../src/engines/sqlite/rebuild/rebuild.ts';
import { calls } from '../../../src/projections/calls.ts';
import { derivations } from '../../../src/projections/index.ts';
import { appenderOf, changeFile, compareTables, openTestDatabase } from '../../support/database.ts';
import { delivery, T0_S } from '../../support/events.ts';
import { deliver, query, startReceiver, until } from '../../support/receiver.ts';
import { undoneAfterEach } from '../../support/undo.ts';

/** Event `n` of an endless mix: calls, messages, recordings, opt-outs, and occasionally an unusable event. */
function mixed(n: number): Delivery {
  const subject = Math.floor(n / 7);
  const timestamp = T0_S + n;
  const bodies: object[] = [
    {
      event: 'call.initiated',
      timestamp,
      data: { call_uuid: `call-${subject}`, from: '+15551230001', tenant_id: 42 },
    },
    {
      event: 'call.completed',
      timestamp,
      data: { call_uuid: `call-${subject}`, duration: 60 + (n % 60), cost: '0.0125' },
    },
    { event: 'sms.sent', timestamp, data: { message_id: `sms-${subject}`, body: 'Hello', segments: 1 } },
    { event: 'sms.delivered', timestamp, data: { message_id: `sms-${subject}` } },
    {
      event: 'sms.received',
      timestamp,
      data: { message_id: `in-${subject}`, from: `+1555${subject}`, body: 'STOP' },
    },
    {
      event: 'recording.complete',
      timestamp,
      data: { recording_id: `rec-${subject}`, call_id: `call-${subject}` },
    },
    { event: 'call.completed', timestamp, data: { call_uuid: ['odd', subject] } },
  ];
  return delivery(bodies[n % bodies.length] ?? {}, {
    signature: null,
    signedAt: timestamp,
    receivedAtMs: timestamp * 1000,
  });
}

const atEnd = undoneAfterEach();

/** A closed database in its own folder with events 0 to `count` - 1. @returns its path */
function filledDatabase(count: number): string {
  const { path, database, appender, close } = openTestDatabase();
  for (let n = 0; n < count; n += 500)
    appender.append(Array.from({ length: Math.min(500, count - n) }, (_, index) => mixed(n + index)));
  database.close();
  atEnd(close);
  return path;
}

function rebuildNow(databasePath: string, more: Partial<RebuildOptions> = {}, code = derivations) {
  return rebuild(databasePath, code, { projections: code.projections, ...more });
}

const differences = (databasePath: string) => compareTables(databasePath).differences;

/** What a rebuild that was killed leaves. */
function leftIn(databasePath: string): unknown[] {
  const names = query(databasePath, 'SELECT name FROM sqlite_master').map(({ name }) => String(name));
  return names.filter((name) => name.endsWith('_old') || name.endsWith('_next'));
}

function damageCalls(databasePath: string): void {
  changeFile(
    databasePath,
    `UPDATE calls SET status = 'wrong' WHERE rowid = 1; DELETE FROM calls WHERE rowid = 2;
     INSERT INTO failures VALUES (1, 'calls', '', 'invented')`,
  );
}

/** The projections with a newer version of the table `calls`, which has one more column. */
const newerDerivations: Derivations = {
  ...derivations,
  projections: derivations.projections.map((projection) =>
    projection.name === 'calls'
      ? ({
          ...calls,
          version: calls.version + 1,
          columns: [...calls.columns, { name: 'note', kind: 'TEXT', isNullable: true }],
          fold: (row, event, key) => ({ ...calls.fold(row as never, event, key), note: 'new' }),
        } as Projection)
      : projection,
  ),
};

describe('a rebuild', () => {
  it('finds that live tables equal rebuilt ones, or names each row that differs', () => {
    const path = filledDatabase(1400);
    assert.deepEqual(differences(path), []);
    damageCalls(path);
    const found = differences(path);
    assert.deepEqual(found, [
      'calls call-1: missing in the live table',
      'calls call-0: differs in status',
      'failures 1 calls: in the live table only',
    ]);
  });

  it('reads bodies like the appender, whether valid UTF-8 or not', () => {
    const path = filledDatabase(0);
    const database = openDatabase(path, derivations);
    const message = (id: string, bytes: number[]) =>
      Buffer.concat([
        Buffer.from(`{"event":"sms.sent","data":{"message_id":"${id}","message":"`),
        Buffer.from(bytes),
        Buffer.from('"}}'),
      ]);
    const bodies = [
      message('replacement', [0xef, 0xbf, 0xbd]),
      message('invalid', [0xff]),
      message('surrogate', [0xed, 0xa0, 0x80]),
      message('emoji', [0xf0, 0x9f, 0x98, 0x80]),
      Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), message('marked', [0x41])]),
      message('nul', [0x41, 0x00, 0x42]),
      Buffer.alloc(0),
    ];
    const { outcomes } = appenderOf(database, derivations).append(
      bodies.map((body) => ({ ...mixed(0), body })),
    );
    const rows = database.prepare('SELECT message_id FROM sms_messages ORDER BY 1').pluck().all();
    database.close();
    assert.deepEqual(rows, ['emoji', 'marked', 'replacement']);
    assert.equal(outcomes.filter(({ error }) => error !== null).length, 4);
    assert.deepEqual(differences(path), []);
  });

  it('repairs damaged tables and leaves nothing of its own behind', async () => {
    const path = filledDatabase(1400);
    damageCalls(path);
    const phases = new Set<string>();
    const result = await rebuildNow(path, { onProgress: (phase) => phases.add(phase) });
    assert.equal(result.seq, 1400);
    assert.deepEqual(result.rows, { calls: 200, sms_messages: 400, recordings: 200, contacts: 200 });
    assert.equal(result.failures, 200);
    assert.deepEqual([...phases], ['fold', 'clean']);
    assert.deepEqual(differences(path), []);
    assert.deepEqual(leftIn(path), []);
    assert.ok(query(path, 'SELECT * FROM report_calls').length > 0);
  });

  it('of one projection leaves the others and their failures alone', async () => {
    const path = filledDatabase(1400);
    const before = query(path, 'SELECT * FROM failures ORDER BY seq, stage');
    await rebuildNow(path, {
      projections: derivations.projections.filter(({ name }) => name === 'contacts'),
    });
    assert.deepEqual(query(path, 'SELECT * FROM failures ORDER BY seq, stage'), before);
    assert.deepEqual(differences(path), []);
  });

  it('keeps the user’s own tables and views, whatever their names', async () => {
    const path = filledDatabase(700);
    changeFile(path, "CREATE TABLE customers_old (name TEXT); INSERT INTO customers_old VALUES ('Ada')");
    changeFile(path, 'CREATE VIEW my_calls AS SELECT call_uuid, status FROM calls');
    changeFile(path, 'CREATE VIEW report_of_old_code AS SELECT * FROM calls');
    await rebuildNow(path);
    assert.deepEqual(query(path, 'SELECT * FROM customers_old'), [{ name: 'Ada' }]);
    assert.equal(query(path, 'SELECT * FROM my_calls').length, 100);
    assert.deepEqual(query(path, "SELECT sql FROM sqlite_master WHERE name = 'my_calls'"), [
      { sql: 'CREATE VIEW my_calls AS SELECT call_uuid, status FROM calls' },
    ]);
    assert.deepEqual(query(path, "SELECT * FROM sqlite_master WHERE name = 'report_of_old_code'"), []);
  });

  it('keeps only a few thousand folded events in memory, whatever the length of the log', async () => {
    const path = filledDatabase(2 * REBUILD_FOLD_EVENTS + 100);
    const written: number[] = [];
    await rebuildNow(path, {
      onProgress: (phase, done) => void (phase === 'fold' && written.push(done)),
    });
    assert.deepEqual(written, [REBUILD_FOLD_EVENTS, 2 * REBUILD_FOLD_EVENTS, 2 * REBUILD_FOLD_EVENTS + 100]);
    assert.deepEqual(differences(path), []);
  });

  it('loses nothing while the server is under load, and every delivery is answered', async () => {
    const path = filledDatabase(14_000);
    const receiver = await startReceiver({ databasePath: path });
    let finished = false;
    const rebuilding = rebuildNow(path).finally(() => {
      finished = true;
    });
    const statuses: number[] = [];
    const sent: Promise<void>[] = [];
    for (let n = 0; !finished; n++) {
      const body = {
        event: 'call.initiated',
        timestamp: Math.floor(Date.now() / 1000),
        data: { call_uuid: `live-${n}` },
      };
      sent.push(deliver(receiver, body).then(({ status }) => void statuses.push(status)));
      await pause(10);
    }
    await Promise.all(sent);
    const { seq } = await rebuilding;
    assert.ok(statuses.length > 10, `only ${statuses.length} deliveries were sent meanwhile`);
    assert.ok(statuses.every((status) => status === 200));
    assert.ok(seq > 14_000, 'the swap came after some of the deliveries');
    assert.deepEqual(query(path, "SELECT count(*) AS n FROM calls WHERE call_uuid LIKE 'live-%'"), [
      { n: statuses.length },
    ]);
    assert.deepEqual(differences(path), []);
    await receiver.close();
  });

  it('is refused while another one is running, and possible afterwards', async () => {
    const path = filledDatabase(700);
    let second: Promise<unknown> | undefined;
    await rebuildNow(path, {
      onProgress() {
        second ??= assert.rejects(rebuildNow(path), { name: 'EngineError', kind: 'under-way' });
      },
    });
    await second;
    await rebuildNow(path);
  });

  it('leaves the live tables intact if killed in any phase, and the next one cleans up', async () => {
    const path = filledDatabase(7_000);
    for (const phase of ['fold', 'clean']) {
      const script = join(import.meta.dirname, 'rebuild-until.ts');
      const child = spawn(process.execPath, [script, path, phase], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await new Promise<void>((resolve, reject) => {
        child.stdout.once('data', () => child.kill('SIGKILL'));
        child.once('exit', (code, signal) =>
          signal === 'SIGKILL' ? resolve() : reject(new Error(`ended with ${code}`)),
        );
      });
      assert.deepEqual(differences(path), [], `killed in phase ${phase}`);
    }
    await rebuildNow(path);
    assert.deepEqual(differences(path), []);
    assert.deepEqual(leftIn(path), []);
  });
});

describe('a server', () => {
  it('rebuilds a table made by older code, and receives meanwhile', async () => {
    const path = filledDatabase(2_100);
    changeFile(path, "UPDATE projections SET version = 0 WHERE name = 'calls'");
    changeFile(path, 'ALTER TABLE calls DROP COLUMN recording_url');
    const receiver = await startReceiver({ databasePath: path });
    const answer = await deliver(receiver, { event: 'call.initiated', data: { call_uuid: 'meanwhile' } });
    assert.equal(answer.status, 200);
    assert.equal(answer.json['success'], true);
    await receiver.logged('rebuilt calls from');
    await until(async () => {
      const health = (await (await fetch(`${receiver.url}/health`)).json()) as Record<string, unknown>;
      return health['projections_behind'] === undefined;
    }, '/health shows no lagging tables');
    assert.deepEqual(differences(path), []);
    assert.equal(
      query(path, "SELECT status FROM calls WHERE call_uuid = 'meanwhile'")[0]?.['status'],
      'initiated',
    );
    await receiver.close();
  });

  it('rebuilds a table that is ahead of its log, and says so', async () => {
    const path = filledDatabase(300);
    changeFile(path, 'DROP TRIGGER events_no_delete; DELETE FROM events WHERE seq > 250');
    assert.match(
      differences(path).join(),
      /the table calls reflects events that are not in the log, which ends with seq 250: a running/,
    );
    const receiver = await startReceiver({ databasePath: path });
    await deliver(receiver, { event: 'call.initiated', data: { call_uuid: 'next' } });
    await receiver.logged('rebuilt calls, ');
    assert.ok(
      receiver.lines.some((line) => line.includes('the table calls reflects events that are not in')),
    );
    const [row] = query(path, "SELECT first_seq FROM calls WHERE call_uuid = 'next'");
    assert.deepEqual(row, { first_seq: 251 });
    await receiver.close(); // its tables equal its log
  });

  it('leaves a table made by newer code alone, says so, and still accepts deliveries', async () => {
    const path = filledDatabase(700);
    await rebuildNow(path, {}, newerDerivations);
    const receiver = await startReceiver({ databasePath: path, skipsLogCheck: true });
    const answer = await deliver(receiver, { event: 'call.initiated', data: { call_uuid: 'for later' } });
    assert.equal(answer.status, 200);
    await receiver.logged('made by newer code');
    assert.equal(receiver.lines.filter((line) => line.includes('calls')).length, 1, 'it is logged once');
    const health = await fetch(`${receiver.url}/health`);
    assert.equal(health.status, 200);
    assert.deepEqual(((await health.json()) as Record<string, unknown>)['projections_behind'], ['calls']);
    assert.deepEqual(query(path, "SELECT * FROM calls WHERE call_uuid = 'for later'"), []);
    await receiver.close();

    await assert.rejects(rebuildNow(path), { name: 'EngineError', kind: 'refused' });
    await rebuildNow(path, {}, newerDerivations);
    assert.equal(query(path, "SELECT note FROM calls WHERE call_uuid = 'for later'")[0]?.['note'], 'new');
  });
});
