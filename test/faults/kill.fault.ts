/** A1: the process dies at any moment. */

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { askRaw, signedRequest } from '../support/raw.ts';
import { checkRecent } from '../support/sound-log.ts';
import { fault } from './support/fault.ts';
import { checkInvariants } from './support/invariants.ts';
import { quantile } from './support/load.ts';

const KILLS = 100;
const START_MS_MAX = 1000;

/** Seen to fail without COMMIT after most batches in append-batch.ts: acknowledged and not in the log. */
fault(
  'A1',
  'kill -9 under load loses nothing, and the next start answers within a second',
  [],
  async (given) => {
    const { folder, port, ledger, random } = given;
    const startMs: number[] = [];
    const load = given.startLoad({ connections: 16 });

    let program = folder.start();
    for (let kill = 1; kill <= KILLS; kill++) {
      await load.acknowledged(10 + random.below(300));
      const known = ledger.size;
      assert.equal((await program.end('SIGKILL')).signal, 'SIGKILL');
      const spawnedMs = performance.now();
      program = folder.start();
      startMs.push(await firstAnswer(port, spawnedMs));
      checkRecent(folder.databasePath, ledger, Math.max(0, known - 1000));
    }
    await load.finish();
    const { events, acknowledged } = await checkInvariants(program, given);
    const slowest = Math.max(...startMs);
    assert.ok(slowest < START_MS_MAX, `the slowest start took ${slowest} ms`);
    given.report(
      KILLS,
      `0 of ${acknowledged} lost, ${events} events; first 200 p50 ${quantile(startMs, 0.5).toFixed(0)} ms, max ${slowest.toFixed(0)} ms`,
    );
  },
);

let starts = 0;

/** Milliseconds from the spawn to the first 200. */
async function firstAnswer(port: number, spawnedMs: number): Promise<number> {
  starts += 1;
  for (;;) {
    try {
      const body = `{"event":"call.dtmf","data":{"start":${starts}}}`;
      const { status } = await askRaw(port, signedRequest(body));
      if (status === 200) return performance.now() - spawnedMs;
    } catch {
      // not yet
    }
    await pause(2);
  }
}
