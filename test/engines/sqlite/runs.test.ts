import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import type { UnfinishedEvent } from '../../../src/core/engine/run-store.ts';
import { RUN_ERROR_CHARS_MAX, RUN_RETRY_LAST_MS } from '../../../src/core/limits.ts';
import { lockFile } from '../../../src/engines/sqlite/file/file-lock.ts';
import { openRunStore } from '../../../src/engines/sqlite/runs.ts';
import { changeFile, modeOf } from '../../support/database.ts';
import { temporaryFolder } from '../../support/receiver.ts';
import { undoneAfterEach } from '../../support/undo.ts';

const atEnd = undoneAfterEach();

const NONE = new Uint8Array();

function given() {
  const folder = temporaryFolder();
  atEnd(folder.remove);
  const path = join(folder.path, 'handlers.db');
  const open = () => {
    const store = openRunStore(path);
    atEnd(() => store.close());
    return store;
  };
  return { path, open, store: open() };
}

const failed = (seq: number, more: Partial<UnfinishedEvent> = {}): UnfinishedEvent => ({
  consumer: 'handlers',
  seq,
  attempts: 1,
  error: 'no',
  failedAtMs: 1_000,
  nextAtMs: 2_000,
  subject: null,
  ...more,
});

const at = (seq: number, generation = 1) => ({ seq, chain: NONE, generation });

describe('the state of the handlers', () => {
  it('is a file that only its user can read, and so are its side files', async () => {
    const { path, store } = given();
    await store.moveTo('handlers', 1, NONE);
    for (const suffix of ['', '-wal', '-shm']) assert.equal(modeOf(path + suffix), '0600');
  });

  it('keeps positions and unfinished events for the next process', async () => {
    const { store, open } = given();
    assert.equal(await store.consumer('handlers'), undefined);
    await store.moveTo('handlers', 3, Buffer.from('abc'));
    const run = failed(5, { subject: 'call a', nextAtMs: null });
    assert.equal(
      await store.write('handlers', {
        position: { ...at(5), chain: Buffer.from('def') },
        unfinished: [run],
        done: [],
      }),
      true,
    );
    const later = open();
    assert.deepEqual(await later.consumer('handlers'), {
      name: 'handlers',
      seq: 5,
      chain: Buffer.from('def'),
      generation: 1,
      state: 'stopped',
      ranAtMs: null,
      waiting: 0,
      blocked: 0,
      dead: 1,
    });
    assert.deepEqual(await later.failed(9), [{ ...run, blocks: 0 }]);
    assert.deepEqual(await later.unfinishedAfter('handlers', 4), [run]);
    assert.deepEqual(await later.unfinishedAfter('handlers', 5), []);
    assert.deepEqual(await later.unfinishedAfter('forward', 4), []);
  });

  it('returns the due events, longest overdue first, and the time of the next one', async () => {
    const { store } = given();
    await store.moveTo('handlers', 9, NONE);
    const runs = [
      failed(1, { nextAtMs: 300 }),
      failed(2, { nextAtMs: 100 }),
      failed(3, { nextAtMs: 301 }),
      failed(4, { nextAtMs: null }),
    ];
    await store.write('handlers', { position: at(9), unfinished: runs, done: [] });
    const due = async (nowMs: number, limit = 9) =>
      (await store.due('handlers', nowMs, limit)).map(({ seq }) => seq);
    assert.deepEqual(await due(99), []);
    assert.deepEqual(await due(300), [2, 1]);
    assert.deepEqual(await due(300, 1), [2]);
    assert.equal(await store.nextAtMs('handlers', 300), 301);
    assert.equal(await store.nextAtMs('handlers', 301), undefined);
    assert.deepEqual(await due(-2 * RUN_RETRY_LAST_MS + 299), [1, 3], 'the clock was set back');
  });

  it('drops unfinished events from the start of a replay onward', async () => {
    const { store } = given();
    await store.moveTo('handlers', 9, NONE);
    await store.write('handlers', { position: at(9), unfinished: [failed(4), failed(5)], done: [] });
    await store.moveTo('handlers', 4, NONE);
    assert.deepEqual(
      (await store.failed(9)).map(({ seq }) => seq),
      [4],
    );
    assert.deepEqual(await store.consumers(), [
      {
        name: 'handlers',
        seq: 4,
        chain: Buffer.alloc(0),
        generation: 2,
        state: 'stopped',
        ranAtMs: null,
        waiting: 1,
        blocked: 0,
        dead: 0,
      },
    ]);
  });

  it('cuts a long error', async () => {
    const { store } = given();
    await store.moveTo('handlers', 1, NONE);
    await store.write('handlers', {
      position: at(1),
      unfinished: [failed(1, { error: 'x'.repeat(5_000) })],
      done: [],
    });
    assert.equal((await store.failed(1))[0]?.error.length, RUN_ERROR_CHARS_MAX);
  });

  it('leaves another program’s file alone', async () => {
    const { path, store } = given();
    const other = `${path}.other`;
    changeFile(other, 'CREATE TABLE theirs (a)');
    assert.throws(() => openRunStore(other), {
      kind: 'refused',
      message: `${other} is a database of another program: move it away`,
    });
    writeFileSync(other, 'not a database at all, but long enough to be mistaken for one'.repeat(9));
    const { size } = statSync(other);
    assert.throws(
      () => openRunStore(other),
      /cannot be used as the state file of the handlers: file is not a database/,
    );
    assert.equal(statSync(other).size, size);
    changeFile(path, 'PRAGMA user_version = 2');
    assert.throws(() => openRunStore(path), /written by a newer version of this program/);
    assert.equal(await store.consumer('handlers'), undefined);
  });
});

describe('the lock of the handlers', () => {
  it('has one holder at a time, and is free again when the holder releases it', () => {
    const { path } = given();
    const unlock = lockFile(`${path}-lock`);
    assert.ok(unlock !== undefined);
    assert.equal(lockFile(`${path}-lock`), undefined);
    assert.equal(lockFile(`${path}-lock`), undefined, 'a failed attempt does not free it');
    unlock();
    const again = lockFile(`${path}-lock`);
    assert.ok(again !== undefined);
    again();
    assert.equal(modeOf(`${path}-lock`), '0600');
  });
});

it('an event that earlier code leaves blocked is due again once this code runs the handlers', async () => {
  const { store, path } = given();
  await store.moveTo('handlers', 9, NONE);
  const runs = [failed(1, { subject: 'a' }), failed(2, { subject: 'a' })];
  await store.write('handlers', { position: at(9), unfinished: runs, done: [] });
  const due = async () => (await store.due('handlers', 2_000, 9)).map(({ seq }) => seq);
  assert.deepEqual(await due(), [1]);
  const earlier = new Sqlite(path);
  earlier.exec('DELETE FROM failed_runs WHERE seq = 1');
  earlier.close();
  assert.deepEqual(await due(), []);
  await store.takeOver();
  assert.deepEqual(await due(), [2]);
});

it('a subject with 100,000 blocked events makes no step slow', async () => {
  const { store } = given();
  await store.moveTo('handlers', 100_001, NONE);
  const runs = Array.from({ length: 100_000 }, (_, index) => failed(index + 1, { subject: 'a' }));
  await store.write('handlers', { position: at(100_001), unfinished: [...runs, failed(100_001)], done: [] });
  const startMs = performance.now();
  for (let seq = 1; seq <= 500; seq++) {
    const due = await store.due('handlers', 2_000, 2);
    assert.deepEqual(new Set(due.map((run) => run.seq)), new Set([seq, 100_001]));
    await store.isBlocked('handlers', { seq: 100_002, subject: 'a' });
    await store.nextAtMs('handlers', 1_000);
    await store.write('handlers', { position: at(100_001), unfinished: [], done: [{ seq, subject: 'a' }] });
  }
  const stepMs = (performance.now() - startMs) / 500;
  assert.ok(stepMs < 5, `${stepMs} ms a step: reading all of them takes more than 10 ms`);
});

it('a state file made by earlier code is accepted, and stays usable for that code', async () => {
  const folder = temporaryFolder();
  const path = join(folder.path, 'handlers.db');
  const earlier = new Sqlite(path);
  earlier.exec(`
    CREATE TABLE consumers (
      name TEXT NOT NULL UNIQUE, settled_seq INTEGER NOT NULL, settled_chain BLOB NOT NULL, generation INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE failed_runs (
      consumer TEXT NOT NULL, seq INTEGER NOT NULL, attempts INTEGER NOT NULL, error TEXT NOT NULL,
      failed_at_ms INTEGER NOT NULL, next_at_ms INTEGER, is_alone INTEGER NOT NULL, UNIQUE (consumer, seq)
    ) STRICT;
    CREATE INDEX failed_runs_by_time ON failed_runs (consumer, next_at_ms);
    INSERT INTO consumers VALUES ('handlers', 7, x'', 1);
    INSERT INTO failed_runs VALUES ('handlers', 3, 2, 'no', 1, 5, 1), ('handlers', 4, 12, 'no', 1, NULL, 0);
    PRAGMA application_id = 0x49525348; PRAGMA user_version = 1;`);
  const store = openRunStore(path);
  assert.deepEqual(
    [(await store.consumer('handlers'))?.seq, (await store.consumer('handlers'))?.ranAtMs],
    [7, null],
  );
  assert.deepEqual(
    (await store.failed(9)).map(({ seq, subject, attempts }) => [seq, subject, attempts]),
    [
      [3, null, 2],
      [4, null, 12],
    ],
  );
  await store.setState('handlers', 'running', 123);
  assert.deepEqual(
    [(await store.consumer('handlers'))?.state, (await store.consumer('handlers'))?.ranAtMs],
    ['running', 123],
  );
  await store.close();
  assert.equal(earlier.pragma('user_version', { simple: true }), 1);
  earlier.exec(
    "INSERT INTO consumers (name, settled_seq, settled_chain, generation) VALUES ('forward', 1, x'', 1)",
  );
  earlier.exec(`
    INSERT INTO failed_runs (consumer, seq, attempts, error, failed_at_ms, next_at_ms, is_alone)
    VALUES ('handlers', 8, 1, 'no', 1, 5, 0)`);
  earlier.close();
  folder.remove();
});
