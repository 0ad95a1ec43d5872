/** D26: forged deliveries by the thousand, with the sender beside them. */

import assert from 'node:assert/strict';
import { LOGGED_REFUSALS_PER_SECOND_MAX } from '../../src/core/limits.ts';
import { fault } from '../support/fault.ts';
import { startFlood } from '../support/flood.ts';
import { checkInvariants } from '../support/invariants.ts';
import { quantile, sampleDeliveries, startLoad } from '../support/load.ts';

const FORGED_PER_SECOND = 5000;
const SIGNED_PER_SECOND = 50;
const SECONDS = 15;
/** Of the sender alone first: a program that has just started is slow for a second, flood or not. */
const WARM_SECONDS = 2;
/** The flood that a busy machine must have managed for the case to mean anything. */
const FORGED_SHARE_LEAST = 0.9;
const P99_MS_MAX = 1000;
/** What one request may take of the log: two lines. */
const LOGGED_BYTES_MAX = 400;

const OTHERS = Array.from({ length: 16 }, (_, index) => `127.0.0.${index + 2}`);

for (const [id, where, localAddresses] of [
  ['D26', 'other addresses', OTHERS],
  ['D26b', 'the same address', ['127.0.0.1']],
] as const) {
  /**
   * Without the limit of refusals a second in http/request-log.ts …; with RATE_LIMIT_SKIP_VERIFIED=false …
   */
  fault(
    id,
    `5,000 forged deliveries a second from ${where} disturb no signed one and do not fill the log`,
    [],
    async (given) => {
      const { ledger } = given;
      const program = given.folder.start({ TRUST_PROXY: 'none' });
      const { port } = await program.listening();
      const load = startLoad({
        port,
        ledger,
        connections: 16,
        next: sampleDeliveries(given.seed),
        ratePerSecond: SIGNED_PER_SECOND,
      });
      given.after(() => load.stop());
      await load.acknowledged(SIGNED_PER_SECOND * WARM_SECONDS);
      const flood = startFlood({ port, ratePerSecond: FORGED_PER_SECOND, localAddresses, connections: 64 });
      given.after(() => flood.end());
      await flood.ready;
      const startedMs = performance.now();
      const bytesBefore = program.output().length;
      await load.acknowledged(SIGNED_PER_SECOND * SECONDS);
      await load.finish();
      const { perSecond, statuses } = await flood.look();
      const tookS = (performance.now() - startedMs) / 1000;
      const loggedBytes = program.output().length - bytesBefore;
      await flood.end();

      assert.ok(perSecond > FORGED_PER_SECOND * FORGED_SHARE_LEAST, `only ${perSecond} forged a second`);
      assert.deepEqual(Object.keys(statuses), ['401', '429'], 'answers to the forged');
      const { counts } = load;
      assert.deepEqual([...counts.statuses.keys()], [200], `answers to the signed: ${[...counts.statuses]}`);
      assert.deepEqual({ refused: counts.refused, broken: counts.broken }, { refused: 0, broken: 0 });
      const p99Ms = quantile(counts.tookMs, 0.99);
      assert.ok(p99Ms < P99_MS_MAX, `p99 ${p99Ms} ms`);
      const loggedPerSecond = loggedBytes / tookS;
      const logged = SIGNED_PER_SECOND + LOGGED_REFUSALS_PER_SECOND_MAX;
      assert.ok(
        loggedPerSecond < (logged + 1) * LOGGED_BYTES_MAX,
        `${loggedPerSecond} bytes of log a second`,
      );
      await checkInvariants(program, port, ledger);
      given.report(
        Math.round(perSecond * tookS),
        `${perSecond.toFixed(0)} forged/s; ${counts.tookMs.length} signed p50 ${quantile(counts.tookMs, 0.5).toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, max ${Math.max(...counts.tookMs).toFixed(0)} ms; log ${(loggedPerSecond / 1024).toFixed(0)} KiB/s`,
      );
    },
  );
}
