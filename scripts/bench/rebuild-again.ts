/** Rebuilds all tables repeatedly, as `./irisx rebuild` does, until its parent process disconnects. */

import { lowerPriority, NICENESS } from '../../src/core/low-priority.ts';
import { engineOf } from '../../src/engines/engine-of.ts';
import { derivations } from '../../src/projections/index.ts';

lowerPriority(NICENESS.writing);
const engine = engineOf(process.argv[2] ?? '', derivations);
while (process.connected) await engine.rebuild({ projections: derivations.projections });
