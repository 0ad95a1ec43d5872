/**
 * A6 while running: somebody moves, replaces or deletes the database's files while the server has them open. SQLite
 * would keep writing to a file without a name, and deliveries acknowledged then would be lost with the process.
 */

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openLedger } from '../support/ledger.ts';
import { type Fault, fault } from './support/fault.ts';
import { checkInvariants, checkLog, endsLost } from './support/invariants.ts';
import { sampleDeliveries } from './support/load.ts';

interface Move {
  readonly what: string;
  /** @returns the new path of the database file with the acknowledged deliveries; undefined if it was not moved */
  readonly move: (databasePath: string, aside: string) => string | undefined;
}

const MOVES: readonly Move[] = [
  {
    what: 'the WAL deleted',
    move: (path) => void rmSync(`${path}-wal`),
  },
  {
    what: 'the index of the WAL deleted',
    move: (path) => void rmSync(`${path}-shm`),
  },
  {
    what: 'the database file moved away',
    move(path, aside) {
      renameSync(path, join(aside, 'irisx.db'));
      return join(aside, 'irisx.db');
    },
  },
  {
    what: 'the whole folder moved away',
    move(path, aside) {
      renameSync(dirname(path), join(aside, 'data'));
      return join(aside, 'data/irisx.db');
    },
  },
  {
    what: 'the database file replaced by a copy',
    move(path, aside) {
      copyFileSync(path, join(aside, 'copy.db')); // without its WAL, as people do
      renameSync(path, join(aside, 'irisx.db'));
      renameSync(join(aside, 'copy.db'), path);
      return join(aside, 'irisx.db');
    },
  },
];

/**
 * Seen to fail without the check between a commit and its answers: the server went on answering 200. And without the
 * last checkpoint: everything in a deleted WAL was lost (`I1`).
 */
fault(
  'A6b',
  'a database file that is moved, replaced or deleted under load is noticed before the next 200',
  [],
  async (given) => {
    for (const [index, each] of MOVES.entries()) await moveUnderLoad(given, each, index);
    given.report(MOVES.length, MOVES.map(({ what }) => what).join(', '));
  },
);

async function moveUnderLoad(given: Fault, { what, move }: Move, index: number): Promise<void> {
  const { folder, port, random } = given;
  rmSync(dirname(folder.databasePath), { recursive: true, force: true });
  const aside = join(folder.path, `aside-${index}`);
  mkdirSync(aside);
  const ledger = openLedger(join(folder.path, `ledger-${index}`));
  given.after(() => ledger.close());
  const program = folder.start();
  const load = given.startLoad({ ledger, connections: 8, next: sampleDeliveries(given.seed + index) });
  await load.acknowledged(50 + random.below(400));

  const moved = move(folder.databasePath, aside);
  assert.match(await endsLost(program), /moved, replaced or deleted/, what);
  await load.stop();
  // Everything acknowledged so far must be in whichever file was the database then.
  await checkLog(moved ?? folder.databasePath, ledger);

  const next = folder.start();
  const newLedger = openLedger(join(folder.path, `new-ledger-${index}`));
  given.after(() => newLedger.close());
  await checkInvariants(next, { port, ledger: moved === undefined ? ledger : newLedger });
}
