/** The entry of a clone, the server's and each command's: checks what it runs on, then loads the TypeScript. */

import module from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { refuse } from './node/check.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (!process.features.typescript)
  refuse(
    `Node ${process.versions.node} does not run TypeScript here: take the option that turns that off out of NODE_OPTIONS, or install Node 24 LTS`,
  );
if (root.split(sep).includes('node_modules'))
  refuse(
    `Node runs no TypeScript below a folder named node_modules: move ${root}, or run the bundle that npm run build makes`,
  );

// Threads find it in the environment. Where it cannot be written, each start takes a little longer.
process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules', '.cache', 'irisx');
module.enableCompileCache();
// With node --watch a thread would report its modules among its own messages; npm run dev watches folders instead.
delete process.env.WATCH_REPORT_DEPENDENCIES;

const { runCommandLine } = await import('./commands.ts').catch((error) => {
  const [missing, importer] = error.message.split(' imported from ');
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || !missing.startsWith('Cannot find package')) throw error;
  refuse(`${missing}, which ${importer} needs: run npm ci in ${root}`);
});
await runCommandLine({
  bench: ['compares the server’s speed with alternatives', () => import('./bench.ts')],
  'bench:growth': ['measures speed and size as the log grows', () => import('./bench-growth.ts')],
  'bench:soak': ['measures memory over a million deliveries', () => import('./bench-soak.ts')],
});
