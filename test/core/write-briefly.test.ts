import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import {
  REBUILD_ALONE_MS,
  REBUILD_ROWS_FIRST,
  REBUILD_ROWS_MIN,
  REBUILD_TRANSACTION_MS,
} from '../../src/core/limits.ts';
import { brieflyWriting } from '../../src/core/write-briefly.ts';
import { WriteTransactions } from '../../src/core/write-transactions.ts';
import { openTestDatabase } from '../support/database.ts';

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const each of opened.splice(0).reverse()) each.close();
});

/** Each row takes `msARow.now`; a database of its own, and another connection that may write in between. */
function given() {
  const { path, database, close } = openTestDatabase();
  opened.push({ close });
  const other = new Sqlite(path);
  opened.push(other);
  let clockMs = 0;
  const pauses: number[] = [];
  const msARow = { now: 0.1 };
  const briefly = brieflyWriting(
    database,
    new WriteTransactions(database),
    async (ms) => void pauses.push(ms),
    () => clockMs,
  );
  const limits: number[] = [];
  const work = (most: number) => (limit: number) => {
    limits.push(limit);
    const done = Math.min(limit, most);
    clockMs += done * msARow.now;
    return done;
  };
  const someoneWrites = () =>
    other.exec(
      "INSERT INTO storage_probe VALUES (1, 0, x'') ON CONFLICT (id) DO UPDATE SET tried_at = tried_at + 1",
    );
  const times = async (count: number, most = Number.POSITIVE_INFINITY, between = () => {}) => {
    for (let n = 0; n < count; n++) {
      between();
      await briefly(work(most));
    }
  };
  return { times, limits, pauses, msARow, someoneWrites, briefly };
}

describe('writing briefly', () => {
  it('takes as many rows as fit into the time, alone', async () => {
    const { times, limits, pauses } = given();
    await times(5);
    assert.deepEqual(limits.slice(-2), [REBUILD_ALONE_MS / 0.1, REBUILD_ALONE_MS / 0.1]);
    assert.deepEqual(pauses.slice(-2), [0, 0]);
  });

  it('takes less, and pauses as long as it took, while another connection writes', async () => {
    const { times, limits, pauses, someoneWrites } = given();
    await times(4, undefined, someoneWrites);
    assert.deepEqual(limits.slice(-2), [REBUILD_TRANSACTION_MS / 0.1, REBUILD_TRANSACTION_MS / 0.1]);
    assert.deepEqual(pauses.slice(-2), [REBUILD_TRANSACTION_MS, REBUILD_TRANSACTION_MS]);
  });

  it('does not take a little work left over for a fast machine', async () => {
    const { times, limits } = given();
    await times(5);
    const [usual = 0] = limits.slice(-1);
    await times(5, 1);
    await times(2);
    assert.ok(
      limits.every((limit) => limit <= Math.max(usual, REBUILD_ROWS_FIRST)),
      String(limits),
    );
  });

  it('grows by no more than twice, and never falls below the least', async () => {
    const { times, limits, msARow } = given();
    msARow.now = 0.0001;
    await times(4);
    assert.deepEqual(
      limits,
      [1, 2, 4, 8].map((factor) => factor * REBUILD_ROWS_FIRST),
    );
    msARow.now = 100;
    await times(3);
    assert.equal(limits.at(-1), REBUILD_ROWS_MIN);
  });

  it('says how much was done', async () => {
    const { briefly } = given();
    assert.equal(await briefly(() => 7), 7);
    assert.equal(await briefly(() => 0), 0);
  });
});
