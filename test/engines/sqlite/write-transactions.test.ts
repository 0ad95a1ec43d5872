import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import Sqlite, { type Database } from 'better-sqlite3';
import { WriteTransactions } from '../../../src/engines/sqlite/file/write-transactions.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { undoneAfterEach } from '../../support/undo.ts';

const atEnd = undoneAfterEach();

function given(): TestDatabase & { transactions: WriteTransactions } {
  const each = openTestDatabase();
  atEnd(each.close);
  each.database.exec('CREATE TABLE things (n INTEGER UNIQUE)');
  return { ...each, transactions: new WriteTransactions(each.database) };
}

const add = (database: Database, n: number) => () => database.prepare('INSERT INTO things VALUES (?)').run(n);

/** To SQLite this looks like another process’s lock. It is held by a thread, which this thread cannot block. */
async function holdLock(path: string, ms: number): Promise<Worker> {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     const database = new (require(workerData.sqlite))(workerData.path);
     database.exec('BEGIN IMMEDIATE');
     parentPort.postMessage('held');
     Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, workerData.ms);
     database.exec('COMMIT');
     database.close();`,
    {
      eval: true,
      workerData: { path, ms, sqlite: createRequire(import.meta.url).resolve('better-sqlite3') },
    },
  );
  await new Promise((resolve) => worker.once('message', resolve));
  return worker;
}

describe('a write transaction', () => {
  it('returns what the work returns, committed', () => {
    const { transactions, database, path } = given();
    assert.equal(
      transactions.write(() => {
        add(database, 1)();
        return 'done';
      }),
      'done',
    );
    const other = new Sqlite(path);
    atEnd(() => other.close());
    assert.equal(other.prepare('SELECT count(*) FROM things').pluck().get(), 1);
    assert.equal(database.inTransaction, false);
  });

  it('is rolled back when the work throws, and the next one works', () => {
    const { transactions, database, rows } = given();
    const failing = () => {
      add(database, 1)();
      throw new Error('no');
    };
    assert.throws(() => transactions.write(failing), /^Error: no$/);
    transactions.write(add(database, 1));
    assert.deepEqual(rows('SELECT n FROM things'), [{ n: 1 }]);
  });

  it('leaves a lost file alone', () => {
    const { transactions, database } = given();
    const lost = new Sqlite.SqliteError('disk I/O error', 'SQLITE_IOERR_FSYNC');
    assert.throws(
      () =>
        transactions.write(() => {
          throw lost;
        }),
      lost,
    );
    assert.equal(database.inTransaction, true, 'not rolled back: that would touch the file');
  });

  it('waits for the lock of another connection', async () => {
    const { transactions, database, path, rows } = given();
    const worker = await holdLock(path, 300);
    transactions.write(add(database, 1));
    assert.deepEqual(rows('SELECT n FROM things'), [{ n: 1 }]);
    await worker.terminate();
  });

  it('gives up after waitMaxMs, and takes the lock again when it is free', async () => {
    const { transactions, database, path, rows } = given();
    const worker = await holdLock(path, 1_000);
    transactions.waitMaxMs = 50;
    assert.throws(() => transactions.write(add(database, 1)), { code: 'SQLITE_BUSY' });
    assert.equal(database.inTransaction, false);
    transactions.waitMaxMs = 10_000;
    transactions.write(add(database, 2));
    assert.deepEqual(rows('SELECT n FROM things'), [{ n: 2 }]);
    await worker.terminate();
  });
});
