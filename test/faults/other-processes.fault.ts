/** B11 and B12: other processes on the same file: more servers, one that keeps the write lock, one that keeps reading. */

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { WAL_CHECKPOINT_BYTES } from '../../src/core/limits.ts';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/receiver.ts';
import { fault } from './support/fault.ts';
import { checkInvariants, checkLog } from './support/invariants.ts';
import { quantile, sampleDeliveries } from './support/load.ts';

const EVENTS = 2000;
const LOCKED_MS = [2500, 3000, 3500];
const HEALTH_MS_MAX = 100;
/** The size that the WAL must reach before the reader leaves. Then it is truncated. */
const LARGE_WAL_BYTES = 8 * WAL_CHECKPOINT_BYTES;
/** The WAL may grow by one more checkpoint’s worth before it starts over, and by the batches written meanwhile. */
const WAL_BYTES_MAX = LARGE_WAL_BYTES + 2 * WAL_CHECKPOINT_BYTES;

/**
 * Seen to fail with the log's head kept from one batch to the next: 304 of 2000 deliveries were accepted, then
 * no more.
 */
fault('B11a', 'two and four servers on one file under load keep one sound log', [], async (given) => {
  const { folder, ledger } = given;
  const next = sampleDeliveries(given.seed);
  const figures: string[] = [];
  for (const count of [2, 4]) {
    const ports = await Promise.all(Array.from({ length: count }, freePort));
    const programs = ports.map((port) => folder.start({ PORT: String(port) }));
    await Promise.all(programs.map((program) => program.listening()));
    const startedMs = performance.now();
    // Each server gets a fixed share, because SQLite does not queue fairly for the lock.
    const shares = ports.map(() => {
      let left = EVENTS / count;
      return () => (left-- > 0 ? next() : undefined);
    });
    const loads = ports.map((port, index) =>
      given.startLoad({ port, connections: 16 / count, next: shares[index] ?? next }),
    );
    await loads[0]?.acknowledged(EVENTS);
    await Promise.all(loads.map((load) => load.done));
    const seconds = (performance.now() - startedMs) / 1000;
    assert.ok(
      loads.every(({ counts }) => counts.tookMs.length === EVENTS / count),
      'all took part',
    );
    await checkLog(folder.databasePath, ledger);
    for (const program of programs.slice(1)) await program.stop();
    const [first] = programs;
    assert.ok(first);
    const { events } = await checkInvariants(first, { port: ports[0] ?? 0, ledger });
    const statuses = loads.map(({ counts }) => counts.statuses.get(503) ?? 0);
    figures.push(
      `${count}: ${events} events in ${seconds.toFixed(1)} s, ${statuses.reduce((sum, n) => sum + n)} × 503`,
    );
  }
  given.report(2, figures.join('; '));
});

/**
 * Seen to fail with a held lock treated as a lost file: the process ended, no more deliveries were accepted.
 */
fault(
  'B11b',
  'another program that holds the write lock for about three seconds causes delays or 503, and HTTP stays alive',
  [],
  async (given) => {
    const { folder, ledger } = given;
    const program = folder.start();
    const { url } = await program.listening();
    const load = given.startLoad({ connections: 16 });
    await load.acknowledged(100);
    const other = new Sqlite(folder.databasePath);
    given.after(() => void other.close());
    const healthMs: number[] = [];
    const recoveredMs: number[] = [];
    for (const lockedMs of LOCKED_MS) {
      other.exec('BEGIN IMMEDIATE');
      const known = ledger.size;
      for (const endMs = performance.now() + lockedMs; performance.now() < endMs; ) {
        const startMs = performance.now();
        await (await fetch(new URL('/health', url))).text();
        healthMs.push(performance.now() - startMs);
        await pause(5);
      }
      assert.ok(ledger.size - known <= 16, 'more was acknowledged than was committed before the lock');
      other.exec('ROLLBACK');
      const freedMs = performance.now();
      await load.acknowledged(100);
      recoveredMs.push(performance.now() - freedMs);
    }
    await load.finish();
    assert.deepEqual([...load.counts.statuses.keys()].toSorted(), [200, 503]);
    assert.equal(load.counts.broken, 0);
    const most = quantile(healthMs, 0.95);
    assert.ok(most < HEALTH_MS_MAX, `95 of 100 health checks within ${most} ms`);
    await checkInvariants(program, given);
    given.report(
      LOCKED_MS.length,
      `${load.counts.statuses.get(503)} × 503, 100 more within ${Math.max(...recoveredMs).toFixed(0)} ms of the release; /health p95 ${most.toFixed(1)} ms, max ${Math.max(...healthMs).toFixed(0)} ms`,
    );
  },
);

/**
 * Seen to fail without checkpoints: the WAL was not truncated within 60 s.
 */
fault(
  'B12',
  'another program that keeps a read transaction open costs only disk space, and the WAL is truncated when it leaves',
  [],
  async (given) => {
    const { folder } = given;
    const program = folder.start();
    await program.listening();
    const load = given.startLoad({ connections: 16 });
    await load.acknowledged(100);
    const walBytes = () => statSync(`${folder.databasePath}-wal`).size;

    const reader = new Sqlite(folder.databasePath, { readonly: true });
    given.after(() => void reader.close());
    reader.exec('BEGIN');
    const events = reader.prepare('SELECT count(*) FROM events').pluck();
    const seen = events.get();
    await until(() => walBytes() > LARGE_WAL_BYTES, 'the WAL has grown', 120_000);
    assert.equal(events.get(), seen);
    reader.exec('COMMIT');
    const whileReadBytes = walBytes();
    let most = whileReadBytes;
    let cutBackBytes = 0;
    await until(
      () => {
        cutBackBytes = walBytes();
        most = Math.max(most, cutBackBytes);
        return cutBackBytes < 2 * WAL_CHECKPOINT_BYTES;
      },
      'the WAL is truncated',
      60_000,
    );
    await load.finish();
    assert.ok(most < WAL_BYTES_MAX, `the WAL grew to ${most} bytes`);
    assert.deepEqual([...load.counts.statuses.keys()], [200]);
    reader.close();
    const after = await checkInvariants(program, given);
    const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
    given.report(
      1,
      `${after.events} events, all 200; the WAL ${mib(whileReadBytes)} with the reader, ${mib(most)} at most after it, then ${mib(cutBackBytes)}`,
    );
  },
);
