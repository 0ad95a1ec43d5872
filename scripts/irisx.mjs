/** The entry point of a clone, for the server and every command: checks the environment, then loads the TypeScript. */

import module from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { refuse } from './node/check.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (!process.features.typescript)
  refuse(
    `Node ${process.versions.node} cannot run TypeScript here: remove the option that disables it from NODE_OPTIONS, or install Node 24 LTS`,
  );
if (root.split(sep).includes('node_modules'))
  refuse(
    `Node does not run TypeScript in a folder named node_modules: move ${root}, or run the bundle that npm run build makes`,
  );

// Set in the environment so that threads use it too. If the folder is not writable, each start takes a little longer.
process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules', '.cache', 'irisx');
module.enableCompileCache();
// Under `node --watch`, a thread would send its module paths along with its messages. `npm run dev` watches folders.
delete process.env.WATCH_REPORT_DEPENDENCIES;

try {
  const { executeCommandLine } = await import('./commands.ts');
  await executeCommandLine({
    bench: ['compares the server’s speed with alternatives', () => import('./bench.ts')],
    'bench:growth': ['measures speed and size as the log grows', () => import('./bench-growth.ts')],
    'bench:soak': ['measures memory over a million deliveries', () => import('./bench-soak.ts')],
  });
} catch (error) {
  const [missing, importer] = String(error?.message).split(' imported from ');
  if (error?.code !== 'ERR_MODULE_NOT_FOUND' || !missing.startsWith('Cannot find package')) throw error;
  refuse(`${missing}, which ${importer} needs: run npm ci in ${root}`);
}
