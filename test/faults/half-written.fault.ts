/** A8: a process dies between two writes of a batch, or of a checkpoint. */

import assert from 'node:assert/strict';
import { type Fault, fault } from './support/fault.ts';
import { checkInvariants, checkLeft } from './support/invariants.ts';
import { startTraced } from './support/strace.ts';

const BATCH_KILLS = 45;
/** In several batches: one batch of eight deliveries takes a dozen or more writes. */
const BATCH_WRITES = 160;
const CHECKPOINT_KILLS = 16;
/** In one checkpoint at the start: one write per page of the file. */
const CHECKPOINT_WRITES = 16;
const LOADED_KILLS = 2;
/** In a checkpoint while running, which has WAL_CHECKPOINT_BYTES to write. */
const LOADED_WRITES = 600;

/**
 * Seen to fail with a commit between insert and projection: `I3: sms_messages …: missing in the live table`.
 */
fault(
  'A8a',
  'a process killed at any write of a batch, even between insert and projection, leaves all of it or nothing',
  ['strace'],
  async (given) => {
    const { folder, random } = given;
    await given.startAndStop();
    const load = given.startLoad({ connections: 8 });
    for (let kill = 0; kill < BATCH_KILLS; kill++)
      await killAtWrite(given, '-wal', 1 + random.below(BATCH_WRITES));
    const program = folder.start();
    await load.finish();
    const { events, acknowledged } = await checkInvariants(program, given);
    given.report(BATCH_KILLS, `0 of ${acknowledged} lost, ${events} events`);
  },
);

/**
 * Seen to fail with a journal that is kept in memory instead of the WAL: `I4: database disk image is malformed`.
 */
fault(
  'A8b',
  'a process killed at any write of a checkpoint, at the start or while running, loses nothing',
  ['strace'],
  async (given) => {
    const { folder, random } = given;
    await given.startAndStop();
    const load = given.startLoad({ connections: 16 });
    for (let kill = 0; kill < LOADED_KILLS; kill++) {
      await killAtWrite(given, '', 1 + random.below(LOADED_WRITES));
      await given.startAndStop(); // without a WAL, the next checkpoint is one while running
    }
    for (let kill = 0; kill < CHECKPOINT_KILLS; kill++) {
      const program = folder.start();
      await load.acknowledged(50);
      await program.end('SIGKILL');
      await killAtWrite(given, '', 1 + random.below(CHECKPOINT_WRITES));
    }
    const program = folder.start();
    await load.finish();
    const { events, acknowledged } = await checkInvariants(program, given);
    given.report(
      LOADED_KILLS + CHECKPOINT_KILLS,
      `0 of ${acknowledged} lost, ${events} events; ${LOADED_KILLS} while running, ${CHECKPOINT_KILLS} at the start`,
    );
  },
);

/** Starts the program so that it is killed at write number `when` on one of the database's files. */
async function killAtWrite({ folder, ledger }: Fault, suffix: string, when: number) {
  const file = folder.databasePath + suffix;
  const program = startTraced(folder, { files: [file], inject: [`pwrite64:signal=KILL:when=${when}`] });
  assert.equal((await program.ended()).signal, 'SIGKILL', program.errors());
  // strace counts the calls of each thread separately, so there may be more in total.
  const writes = program.calls(file).filter(({ name }) => name === 'pwrite64').length;
  assert.ok(writes >= when, `killed at write ${writes} of ${when}`);
  await checkLeft(folder.databasePath, ledger);
}
