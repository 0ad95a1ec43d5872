import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import {
  REBUILD_ALONE_MS,
  REBUILD_COMPUTE_MS,
  REBUILD_PAUSE_TIMES,
  REBUILD_ROWS_FIRST,
  REBUILD_ROWS_MIN,
  REBUILD_WRITE_MS,
} from '../../../src/core/limits.ts';
import { WriteTransactions } from '../../../src/engines/sqlite/file/write-transactions.ts';
import { TimeSlices } from '../../../src/engines/sqlite/rebuild/time-slices.ts';
import { openTestDatabase } from '../../support/database.ts';

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const each of opened.splice(0).reverse()) each.close();
});

/** A database whose rows take `msARow.now` each, and another connection that may write in between. */
function given() {
  const { path, database, close } = openTestDatabase();
  opened.push({ close });
  const other = new Sqlite(path);
  opened.push(other);
  let clockMs = 0;
  const pauses: number[] = [];
  const msARow = { now: 0.1 };
  const slices = new TimeSlices(
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
      await slices.write(work(most));
    }
  };
  /** Computes in steps of 1 ms. */
  const computes = (pieces: number, between = () => {}) =>
    slices.compute(() => {
      between();
      clockMs += 1;
      pieces -= 1;
      return pieces > 0;
    });
  return { database, other, times, limits, pauses, msARow, someoneWrites, slices, computes };
}

describe('the time slices of a rebuild', () => {
  it('takes as many rows as fit into the time while nobody else writes', async () => {
    const { times, limits, pauses } = given();
    await times(8);
    assert.deepEqual(limits.slice(-2), [REBUILD_ALONE_MS / 0.1, REBUILD_ALONE_MS / 0.1]);
    assert.deepEqual(pauses.slice(-2), [0, 0]);
  });

  it('takes less, and pauses longer than it took, while another connection writes', async () => {
    const { times, limits, pauses, someoneWrites } = given();
    await times(4, undefined, someoneWrites);
    assert.deepEqual(limits.slice(-2), [REBUILD_WRITE_MS / 0.1, REBUILD_WRITE_MS / 0.1]);
    const pauseMs = REBUILD_PAUSE_TIMES * REBUILD_WRITE_MS;
    assert.deepEqual(pauses.slice(-2), [pauseMs, pauseMs]);
  });

  it('leaves nothing in the WAL for the other connection to checkpoint', async () => {
    const { database, other, slices } = given();
    await slices.write(() => {
      database.exec('CREATE TABLE made (value)');
      return 1;
    });
    const [wal] = other.pragma('wal_checkpoint(NOOP)') as [{ log: number; checkpointed: number }];
    assert.ok(wal.log > 0);
    assert.equal(wal.checkpointed, wal.log);
  });

  it('computes in short pieces with pauses while another connection writes', async () => {
    const { computes, pauses, someoneWrites } = given();
    await computes(2 * REBUILD_COMPUTE_MS + 1, someoneWrites);
    const pauseMs = REBUILD_PAUSE_TIMES * REBUILD_COMPUTE_MS;
    assert.deepEqual(pauses, [pauseMs, pauseMs]);
  });

  it('computes without a pause while nobody writes', async () => {
    const { times, computes, pauses } = given();
    await times(1);
    pauses.length = 0;
    await computes(3 * REBUILD_COMPUTE_MS);
    assert.deepEqual(pauses, []);
  });

  it('does not mistake a small remainder of work for a fast machine', async () => {
    const { times, limits } = given();
    await times(8);
    const [usual = 0] = limits.slice(-1);
    await times(5, 1);
    await times(2);
    assert.ok(
      limits.every((limit) => limit <= Math.max(usual, REBUILD_ROWS_FIRST)),
      String(limits),
    );
  });

  it('at most doubles at a time, and never falls below the minimum', async () => {
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

  it('reports how much was done', async () => {
    const { slices } = given();
    assert.equal(await slices.write(() => 7), 7);
    assert.equal(await slices.write(() => 0), 0);
  });
});
