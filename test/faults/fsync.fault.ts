/**
 * A3: an fsync fails, or takes long. After a failed fsync the contents of the disk are unknown. So no delivery of that
 * batch is acknowledged, and the process ends without another call on the database's files.
 */

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { until } from '../support/receiver.ts';
import { fault } from './support/fault.ts';
import { checkInvariants, checkRecovery, endsLost, startIsRefused } from './support/invariants.ts';
import { quantile } from './support/load.ts';
import { type Call, startTraced, type TracedProgram } from './support/strace.ts';

const ONCE = 8;
const FAILING_MS = 20_000;
const DELAY_MS = 500;
const SLOW_MS = 8_000;
const HEALTH_MS_MAX = 100;
const REFUSED_START = / cannot be read or written: [^\n]*\(SQLITE_IOERR_FSYNC\)\)\n$/;

/**
 * Seen to fail with I/O errors handled like a defect in a batch instead of ending the process: it was still running
 * after 30 s.
 */
fault(
  'A3a',
  'after one failed fsync of the WAL nothing is acknowledged and the process ends',
  ['strace'],
  async (given) => {
    const { folder, random } = given;
    await given.startAndStop();
    const load = given.startLoad({ connections: 8 });
    for (let round = 0; round < ONCE; round++) {
      const when = 4 + random.below(60);
      const program = startTraced(folder, { inject: [`fsync:error=EIO:when=${when}`] });
      await endsLost(program);
      assert.match(lastCall(program).file, /-wal$/);
    }
    const program = folder.start();
    await load.finish();
    const { events, acknowledged, recoveryMs } = await checkInvariants(program, given);
    given.report(ONCE, `${acknowledged} of ${events} acknowledged, recovered in ${recoveryMs.toFixed(0)} ms`);
  },
);

/**
 * Seen to fail without the checkpoint at the start (flushWal): the next start listened, and answered 200 with
 * `duplicate` to four deliveries that the failed fsync had left in the WAL.
 */
fault(
  'A3b',
  'while every fsync of the WAL fails, for 20 s and across restarts, nothing is acknowledged',
  ['strace'],
  async (given) => {
    const { folder, ledger } = given;
    const load = given.startLoad({ connections: 8 });
    const first = folder.start();
    await load.acknowledged(100);
    await first.end('SIGKILL'); // leaves a WAL, to which the next process appends
    const files = [`${folder.databasePath}-wal`];
    const startFailing = (when: number) =>
      startTraced(folder, { files, inject: [`fsync:error=EIO:when=${when}+`] });
    await endsLost(startFailing(4));
    const known = ledger.size;

    const untilMs = performance.now() + FAILING_MS;
    let starts = 1;
    for (; performance.now() < untilMs; starts++) {
      assert.match(await startIsRefused(startFailing(1)), REFUSED_START);
    }
    assert.equal(ledger.size, known, 'acknowledged without an fsync');
    const program = folder.start();
    await load.acknowledged(200);
    await load.finish();
    const { recoveryMs } = await checkInvariants(program, given);
    given.report(starts, `0 acknowledged meanwhile, recovered in ${recoveryMs.toFixed(0)} ms`);
  },
);

/**
 * Seen to fail with only a warning for the error of a checkpoint: the process was still running after 30 s.
 */
fault(
  'A3c',
  'a failed fsync of the database file in a checkpoint ends the process, and nothing is lost',
  ['strace'],
  async (given) => {
    const { folder, ledger } = given;
    const files = [folder.databasePath];
    await given.startAndStop();
    const load = given.startLoad({ connections: 16 });
    const start = () => startTraced(folder, { files, inject: ['fsync:error=EIO:when=1'] });

    // While running: the first fsync of this file belongs to the first checkpoint.
    const underWay = start();
    await endsLost(underWay);
    const { atMs } = lastCall(underWay);
    assert.ok(statSync(`${folder.databasePath}-wal`).mtimeMs <= atMs, 'the WAL was written after it');
    const events = ledger.size;

    // At the start, which checkpoints the WAL that the previous process left.
    assert.match(await startIsRefused(start()), REFUSED_START);

    // At the end: a clean stop leaves no WAL, so the WAL of the next process is checkpointed when it stops.
    const between = folder.start();
    await load.acknowledged(100);
    await load.finish();
    await between.stop();
    const atEnd = start();
    await checkRecovery(given);
    atEnd.kill('SIGTERM');
    await endsLost(atEnd);

    await checkInvariants(folder.start(), given);
    given.report(3, `under load after ${events} deliveries, at the start, and at SIGTERM`);
  },
);

/**
 * Seen to fail without the warning: the WAL grew and nothing was logged within 60 s.
 */
fault(
  'A3d',
  'a checkpoint for which the disk has no space causes a warning, and deliveries go on',
  ['strace'],
  async (given) => {
    const { folder } = given;
    await given.startAndStop();
    const load = given.startLoad({ connections: 16 });
    const inject = ['pwrite64:error=ENOSPC:when=1..2'];
    const program = startTraced(folder, { files: [folder.databasePath], inject });
    const warnings = () => program.output().split('the WAL could not be checkpointed').length - 1;
    await until(() => warnings() === 2, 'two warnings', 60_000);
    const isCheckpointed = () =>
      program.calls().some(({ name, error }) => name === 'fsync' && error === undefined);
    await until(isCheckpointed, 'a checkpoint succeeds', 60_000);
    const walBytes = statSync(`${folder.databasePath}-wal`).size;
    await load.finish();
    assert.deepEqual([...load.counts.statuses.keys()], [200]);
    const { events } = await checkInvariants(program, given);
    given.report(2, `${events} events, all 200; the WAL grew to ${(walBytes / 2 ** 20).toFixed(0)} MiB`);
  },
);

/**
 * Seen to fail with batches of at most 4 deliveries: about that few were acknowledged per fsync.
 */
fault(
  'A3e',
  'an fsync that takes half a second costs only time: batches grow, and health checks stay fast',
  ['strace'],
  async (given) => {
    const { folder, ledger } = given;
    await given.startAndStop();
    const program = startTraced(folder, { inject: [`fsync:delay_enter=${DELAY_MS * 1000}`] });
    const { url } = await program.listening();
    const load = given.startLoad({ connections: 100 });
    const healthMs: number[] = [];
    const untilMs = performance.now() + SLOW_MS;
    while (performance.now() < untilMs) {
      const startMs = performance.now();
      assert.equal((await fetch(new URL('/health', url))).status, 200);
      healthMs.push(performance.now() - startMs);
    }
    await load.finish();
    assert.deepEqual([...load.counts.statuses.keys()], [200]);
    const fsyncs = program.calls().filter(({ name }) => name === 'fsync').length;
    const perFsync = ledger.size / fsyncs;
    assert.ok(perFsync > 20, `${ledger.size} acknowledged with ${fsyncs} fsyncs`);
    const most = quantile(healthMs, 0.95);
    assert.ok(most < HEALTH_MS_MAX, `95 of 100 health checks within ${most} ms`);
    await checkInvariants(program, given);
    given.report(
      fsyncs,
      `${ledger.size} acknowledged, ${perFsync.toFixed(0)} per fsync, p50 ${quantile(load.counts.tookMs, 0.5).toFixed(0)} ms; /health p95 ${most.toFixed(1)} ms, max ${Math.max(...healthMs).toFixed(0)} ms`,
    );
  },
);

/** Checks that no call on the database's files followed the failed one. @returns the failed call */
function lastCall(program: TracedProgram): Call {
  const calls = program.calls();
  const failed = calls.findIndex(({ error }) => error !== undefined);
  const call = calls[failed];
  assert.ok(call, 'nothing failed');
  assert.deepEqual(calls.slice(failed + 1), [], `after the failed ${call.name}`);
  return call;
}
