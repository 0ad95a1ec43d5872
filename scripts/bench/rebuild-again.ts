/** Rebuilds all tables repeatedly, as `./irisx rebuild` does, until its parent process disconnects. */

import { lowerPriority, NICENESS } from '../../src/core/low-priority.ts';
import { engineOf } from '../../src/engines/engine-of.ts';
import { derivations } from '../../src/projections/index.ts';

const [, , databasePath = ''] = process.argv;
lowerPriority(NICENESS.writing);
const engine = engineOf(databasePath, derivations);
let isWanted = true;
process.once('disconnect', () => {
  isWanted = false;
});
while (isWanted) await engine.rebuild({ projections: derivations.projections });
