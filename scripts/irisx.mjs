/** The entry of a clone, the server's and each command's: checks what it runs on, then loads the TypeScript. */

import './node/check.mjs';
import module from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const EX_CONFIG = 78;
const root = dirname(dirname(fileURLToPath(import.meta.url)));

function refuse(problem) {
  process.stderr.write(`${problem}\n`);
  process.exit(EX_CONFIG);
}

if (!process.features.typescript)
  refuse(
    `Node ${process.versions.node} does not run TypeScript here: take --no-experimental-strip-types out of NODE_OPTIONS, or install Node 24 LTS`,
  );
if (root.split(sep).includes('node_modules'))
  refuse(
    `Node runs no TypeScript below a folder named node_modules: move ${root}, or run the bundle that npm run build makes`,
  );

// Threads find it in the environment. A folder that cannot be written to costs time at each start, no more.
process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules', '.cache', 'irisx');
module.enableCompileCache();

const { runIrisx } = await import('./irisx.ts').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  refuse(`${error.message.split(' imported from ')[0]} in ${root}: run npm ci there`);
});
await runIrisx({
  bench: ['measures the server beside what one would pick instead', () => import('./bench.ts')],
  'bench:growth': ['… as the log grows', () => import('./bench-growth.ts')],
  'bench:soak': ['… over a million deliveries', () => import('./bench-soak.ts')],
});
