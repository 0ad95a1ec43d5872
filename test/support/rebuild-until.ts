/** Rebuilds a database, reports when a given phase begins, and then waits to be killed. */

import { setTimeout as pause } from 'node:timers/promises';
import { rebuild } from '../../src/engines/sqlite/rebuild/rebuild.ts';
import { derivations } from '../../src/projections/index.ts';

const [, , databasePath = '', stopIn = ''] = process.argv;
let reached = false;

await rebuild({
  databasePath,
  derivations,
  projections: derivations.projections,
  onProgress({ phase }) {
    if (phase !== stopIn || reached) return;
    reached = true;
    process.stdout.write(`${phase}\n`);
  },
  // Once the phase is reached, nothing more happens until the kill.
  pause: async (ms) => void (await pause(reached ? 60_000 : ms)),
  monotonicMs: () => performance.now(),
});
