import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import type { FailedRun } from '../../../src/core/engine/run-store.ts';
import { RUN_ERROR_CHARS_MAX, RUN_RETRY_LAST_MS } from '../../../src/core/limits.ts';
import { lockFile } from '../../../src/engines/sqlite/file/file-lock.ts';
import { SqliteRunStore } from '../../../src/engines/sqlite/runs.ts';
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
    const store = new SqliteRunStore(path);
    atEnd(() => store.close());
    return store;
  };
  return { path, open, store: open() };
}

const failed = (seq: number, more: Partial<FailedRun> = {}): FailedRun => ({
  consumer: 'handlers',
  seq,
  attempts: 1,
  error: 'no',
  failedAtMs: 1_000,
  nextAtMs: 2_000,
  isAlone: false,
  ...more,
});

const at = (seq: number, generation = 1) => ({ seq, chain: NONE, generation });

describe('the state of the handlers', () => {
  it('is a file that only its user can read, and so are its side files', async () => {
    const { path, store } = given();
    await store.moveTo('handlers', 1, NONE);
    for (const suffix of ['', '-wal', '-shm']) assert.equal(modeOf(path + suffix), '0600');
  });

  it('keeps positions and failed runs for the next process', async () => {
    const { store, open } = given();
    assert.equal(await store.position('handlers'), undefined);
    await store.moveTo('handlers', 3, Buffer.from('abc'));
    const run = failed(5, { isAlone: true, nextAtMs: null });
    assert.equal(
      await store.write('handlers', {
        position: { ...at(5), chain: Buffer.from('def') },
        failed: [run],
        ended: [],
      }),
      true,
    );
    const later = open();
    assert.deepEqual(await later.position('handlers'), { seq: 5, chain: Buffer.from('def'), generation: 1 });
    assert.deepEqual(await later.failed(9), [run]);
    assert.deepEqual(await later.failedRun('handlers', 5), run);
    assert.equal(await later.failedRun('forward', 5), undefined);
    assert.deepEqual(await later.failedSeqsAfter('handlers', 4), [5]);
    assert.deepEqual(await later.failedSeqsAfter('handlers', 5), []);
  });

  it('returns the due runs, longest overdue first, and the time of the next one', async () => {
    const { store } = given();
    await store.moveTo('handlers', 9, NONE);
    const runs = [
      failed(1, { nextAtMs: 300 }),
      failed(2, { nextAtMs: 100 }),
      failed(3, { nextAtMs: 301 }),
      failed(4, { nextAtMs: null }),
    ];
    await store.write('handlers', { position: at(9), failed: runs, ended: [] });
    const due = async (nowMs: number, limit = 9) =>
      (await store.due('handlers', nowMs, limit)).map(({ seq }) => seq);
    assert.deepEqual(await due(99), []);
    assert.deepEqual(await due(300), [2, 1]);
    assert.deepEqual(await due(300, 1), [2]);
    assert.equal(await store.nextAtMs('handlers', 300), 301);
    assert.equal(await store.nextAtMs('handlers', 301), undefined);
    assert.deepEqual(await due(-2 * RUN_RETRY_LAST_MS + 299), [1, 3], 'the clock was set back');
  });

  it('drops failed runs from the start of a replay onward', async () => {
    const { store } = given();
    await store.moveTo('handlers', 9, NONE);
    await store.write('handlers', { position: at(9), failed: [failed(4), failed(5)], ended: [] });
    await store.replayFrom('handlers', 5, NONE);
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
        dead: 0,
      },
    ]);
  });

  it('cuts a long error', async () => {
    const { store } = given();
    await store.moveTo('handlers', 1, NONE);
    await store.write('handlers', {
      position: at(1),
      failed: [failed(1, { error: 'x'.repeat(5_000) })],
      ended: [],
    });
    assert.equal((await store.failed(1))[0]?.error.length, RUN_ERROR_CHARS_MAX);
  });

  it('leaves another program’s file alone', async () => {
    const { path, store } = given();
    const other = `${path}.other`;
    changeFile(other, 'CREATE TABLE theirs (a)');
    assert.throws(() => new SqliteRunStore(other), {
      kind: 'refused',
      message: `${other} is a database of another program: move it away`,
    });
    writeFileSync(other, 'not a database at all, but long enough to be mistaken for one'.repeat(9));
    const { size } = statSync(other);
    assert.throws(
      () => new SqliteRunStore(other),
      /cannot be used as the state file of the handlers: file is not a database/,
    );
    assert.equal(statSync(other).size, size);
    changeFile(path, 'PRAGMA user_version = 2');
    assert.throws(() => new SqliteRunStore(path), /written by a newer version of this program/);
    assert.equal(await store.position('handlers'), undefined);
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
    INSERT INTO consumers VALUES ('handlers', 7, x'', 1);
    PRAGMA application_id = 0x49525348; PRAGMA user_version = 1;`);
  const store = new SqliteRunStore(path);
  assert.deepEqual(
    [(await store.consumer('handlers'))?.seq, (await store.consumer('handlers'))?.ranAtMs],
    [7, null],
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
  earlier.close();
  folder.remove();
});
