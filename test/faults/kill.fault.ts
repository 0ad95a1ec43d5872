/** A1: the process dies at any moment. */

import assert from 'node:assert/strict';
import { fault } from '../support/fault.ts';
import { freePort } from '../support/free-port.ts';
import { checkInvariants } from '../support/invariants.ts';
import { quantile, sampleDeliveries, startLoad } from '../support/load.ts';
import { openRaw, signedRequest } from '../support/raw.ts';
import { checkRecent } from '../support/sound-log.ts';

const KILLS = 100;
const START_MS_MAX = 1000;

/** Seen to fail without COMMIT after most batches in append-batch.ts: acknowledged and not in the log. */
fault(
  'A1',
  'kill -9 under load loses nothing, and the next start answers within a second',
  [],
  async (given) => {
    const { folder, ledger, random } = given;
    const port = await freePort();
    const env = { PORT: String(port) };
    const next = sampleDeliveries(given.seed);
    const startMs: number[] = [];
    const load = startLoad({ port, ledger, connections: 16, next });
    given.after(() => load.stop());

    let program = folder.start(env);
    for (let kill = 1; kill <= KILLS; kill++) {
      await load.acknowledged(10 + random.below(300));
      const known = ledger.size;
      program.kill('SIGKILL');
      assert.equal((await program.exit).signal, 'SIGKILL');
      const spawnedMs = performance.now();
      program = folder.start(env);
      startMs.push(await firstAnswer(port, spawnedMs));
      checkRecent(folder.databasePath, ledger, Math.max(0, known - 1000));
    }
    await load.finish();
    const { events, acknowledged } = await checkInvariants(program, port, ledger);
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
      const connection = await openRaw(port);
      connection.send(signedRequest(`{"event":"call.dtmf","data":{"start":${starts}}}`));
      const { status } = await connection.next();
      connection.close();
      if (status === 200) return performance.now() - spawnedMs;
    } catch {
      // not yet
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
