/** Rebuilds all tables repeatedly, as `./irisx rebuild` does, until its parent process disconnects. */

import { setTimeout as wait } from 'node:timers/promises';
import { lowerPriority, NICENESS } from '../../src/core/low-priority.ts';
import { rebuild } from '../../src/engines/sqlite/rebuild/rebuild.ts';
import { derivations } from '../../src/projections/index.ts';

const [, , databasePath = ''] = process.argv;
lowerPriority(NICENESS.writing);
let isWanted = true;
process.once('disconnect', () => {
  isWanted = false;
});
while (isWanted) {
  await rebuild({
    databasePath,
    derivations,
    projections: derivations.projections,
    pause: async (ms) => void (await wait(ms)),
    monotonicMs: () => performance.now(),
  });
}
