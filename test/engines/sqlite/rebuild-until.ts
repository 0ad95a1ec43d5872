/** Rebuilds a database, reports when a given phase begins, and then waits to be killed. */

import { writeSync } from 'node:fs';
import { rebuild } from '../../../src/engines/sqlite/rebuild/rebuild.ts';
import { derivations } from '../../../src/projections/index.ts';

const [, , databasePath = '', stopIn = ''] = process.argv;

await rebuild(databasePath, derivations, {
  projections: derivations.projections,
  onProgress(phase) {
    if (phase !== stopIn) return;
    writeSync(process.stdout.fd, `${phase}\n`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
  },
});
