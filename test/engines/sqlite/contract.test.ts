/** The contract of engines, for SQLite. */

import { join } from 'node:path';
import { engineOf } from '../../../src/engines/engine-of.ts';
import { derivations as ours } from '../../../src/projections/index.ts';
import { temporaryFolder } from '../../support/receiver.ts';
import { engineContract } from '../contract.ts';

engineContract('SQLite', async () => {
  const folder = temporaryFolder();
  const path = join(folder.path, 'irisx.db');
  return {
    engine: (derivations = ours) => engineOf(path, derivations),
    remove: async () => folder.remove(),
  };
});
