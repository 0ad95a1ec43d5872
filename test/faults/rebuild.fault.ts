/** A9: a rebuild dies at any moment while the server is under load. */

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { IRISX_PROGRAM, type Program, type ProgramFolder, startProgram } from '../support/program.ts';
import { query } from '../support/receiver.ts';
import { fault } from './support/fault.ts';
import { checkInvariants, checkLog } from './support/invariants.ts';
import { sampleDeliveries } from './support/load.ts';

const EVENTS = 5000;
const KILLS = 18;
const RATE_PER_SECOND = 100;

/**
 * Seen to fail without removing what a killed rebuild has left: the next one ended with exit code 1.
 */
fault(
  'A9',
  'a rebuild killed while the server is under load harms neither tables nor file, and the next one cleans up',
  [],
  async (given) => {
    const { folder, ledger, random } = given;
    const { databasePath } = folder;
    const program = folder.start();
    const next = sampleDeliveries(given.seed);
    const filling = given.startLoad({ connections: 32, next });
    await filling.acknowledged(EVENTS);
    await filling.finish();
    const load = given.startLoad({ connections: 8, next, ratePerSecond: RATE_PER_SECOND });

    const startedMs = performance.now();
    assert.equal((await startRebuild(folder).ended()).code, 0);
    const wholeMs = performance.now() - startedMs;

    const left = { nothing: 0, next: 0, old: 0 };
    for (let kills = 0; kills < KILLS; ) {
      const rebuild = startRebuild(folder);
      await pause(wholeMs * (0.1 + 0.9 * random.next())); // the first tenth is the start of Node itself
      const { signal } = await rebuild.end('SIGKILL');
      if (signal === null) continue; // it ended before the kill
      kills += 1;
      left[leftBy(databasePath)] += 1;
      await checkLog(databasePath, ledger);
    }

    assert.equal((await startRebuild(folder).ended()).code, 0);
    assert.equal(leftBy(databasePath), 'nothing');
    await load.finish();
    assert.deepEqual([...load.counts.statuses.keys()], [200]);
    const { events } = await checkInvariants(program, given);
    const slowest = Math.max(...load.counts.tookMs);
    given.report(
      KILLS,
      `of ${wholeMs.toFixed(0)} ms; left: nothing ${left.nothing}, new tables ${left.next}, old tables ${left.old}; ${events} events, slowest 200 ${slowest.toFixed(0)} ms`,
    );
  },
);

function startRebuild({ path, databasePath }: ProgramFolder): Program {
  const command = [process.execPath, ...IRISX_PROGRAM, 'rebuild'];
  return startProgram(command, path, { DATABASE_URL: `file:${databasePath}` });
}

/** What a rebuild leaves when it dies: the further it got, the later in this list. */
function leftBy(databasePath: string): 'nothing' | 'next' | 'old' {
  const tables = query(databasePath, "SELECT name FROM sqlite_master WHERE type = 'table'");
  const isLeft = (suffix: string) => tables.some(({ name }) => String(name).endsWith(suffix));
  if (isLeft('_old')) return 'old';
  return isLeft('_next') ? 'next' : 'nothing';
}
