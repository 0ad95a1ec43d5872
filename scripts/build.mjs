/**
 * `npm run build`: the whole program in dist/irisx-webhooks.mjs, with SQLite's addon beside it: two files that run with
 * Node alone. `--platform linux-arm64` makes them for another platform, in dist/linux-arm64.
 */

import './node/check.mjs';
import { copyFileSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const BUNDLE = 'irisx-webhooks.mjs';
const ADDON = 'better_sqlite3.node';
const EX_USAGE = 64;

// Not before the check, and not everywhere: npm ci --omit=dev leaves it out.
const { build } = await import('esbuild').catch(() => {
  process.stderr.write('esbuild is not installed here: run npm ci, without --omit=dev\n');
  process.exit(1);
});
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const sqlite = dirname(require.resolve('better-sqlite3/package.json'));
const prebuilds = join(sqlite, 'prebuilds');
const platforms = readdirSync(prebuilds).map((name) => basename(name, '.node'));
/** As better-sqlite3 tells it: it knows which C library this is. */
const own = basename(require(join(sqlite, 'lib', 'binding.js')).getPrebuildPath() ?? '', '.node');

function wantedPlatform() {
  try {
    const { platform = own } = parseArgs({ options: { platform: { type: 'string' } } }).values;
    if (platforms.includes(platform)) return platform;
    throw new Error(`there is no SQLite addon for ${JSON.stringify(platform)}`);
  } catch (error) {
    process.stderr.write(`${error.message}: npm run build -- --platform ${platforms.join('|')}\n`);
    process.exit(EX_USAGE);
  }
}

/** A thread is this file again, with the thread's name as its argument. */
const ENTRY = `
import './scripts/node/check.mjs';
import { isMainThread } from 'node:worker_threads';
import { runIrisx } from './scripts/irisx.ts';
const THREADS = {
  'writer-thread': () => import('./src/writer-thread.ts'),
  'rebuild-thread': () => import('./src/rebuild-thread.ts'),
  'handlers-thread': () => import('./src/handlers-thread.ts'),
  'pages-thread': () => import('./src/pages-thread.ts'),
};
if (isMainThread) await runIrisx();
else await THREADS[process.argv[2]]();
`;

/** better-sqlite3 would look for its addon in its own package. */
const addonBeside = {
  name: 'addon beside the bundle',
  setup(bundler) {
    bundler.onLoad({ filter: /[/\\]better-sqlite3[/\\]lib[/\\]binding\.js$/ }, () => ({
      contents: `exports.getBinding = () => require('./${ADDON}');`,
    }));
    bundler.onResolve({ filter: /\.node$/ }, ({ path }) => ({ path, external: true }));
  },
};

const platform = wantedPlatform();
const { outputFiles } = await build({
  stdin: { contents: ENTRY, resolveDir: root },
  bundle: true,
  write: false,
  platform: 'node',
  format: 'esm',
  target: 'node22.18',
  legalComments: 'inline',
  // What of it is CommonJS requires Node's own modules, and the addon.
  banner: {
    js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
  },
  plugins: [addonBeside],
  logLevel: 'warning',
});

const folder = platform === own ? join(root, 'dist') : join(root, 'dist', platform);
mkdirSync(folder, { recursive: true });
/** A server that starts meanwhile finds the old file or the new one, whole. */
for (const [name, write] of [
  [ADDON, (path) => copyFileSync(join(prebuilds, `${platform}.node`), path)],
  [BUNDLE, (path) => writeFileSync(path, outputFiles[0].contents)],
]) {
  const path = join(folder, name);
  write(`${path}.next`);
  renameSync(`${path}.next`, path);
  process.stdout.write(`${relative('', path)}: ${Math.round(statSync(path).size / 1024)} KiB\n`);
}
