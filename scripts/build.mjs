/**
 * `npm run build`: bundles the whole program into dist/irisx-webhooks.mjs and puts SQLite's addon next to it. The two
 * files need only Node. `--platform linux-arm64` makes them for another platform, in dist/linux-arm64.
 */

import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { refuse } from './node/check.mjs';

const BUNDLE = 'irisx-webhooks.mjs';
const ADDON = 'better_sqlite3.node';
const EX_USAGE = 64;

// Loaded only after the Node check; `npm ci --omit=dev` does not install it.
const { build } = await import('esbuild').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  refuse('esbuild is not installed here: run npm ci, without --omit=dev');
});
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const sqlite = dirname(require.resolve('better-sqlite3/package.json'));
const prebuilds = join(sqlite, 'prebuilds');
const platforms = readdirSync(prebuilds).map((name) => basename(name, '.node'));
/** This platform, as better-sqlite3 names it by system, processor and C library. Not in `platforms` if unsupported. */
const thisPlatform = basename(
  require(join(sqlite, 'lib', 'binding.js')).getPrebuildPath() ?? `${process.platform}-${process.arch}`,
  '.node',
);
/** The threads' entry modules; `openThread` runs the bundle again with the thread's name as its argument. */
const threads = readdirSync(join(root, 'src', 'threads')).flatMap(
  (name) => /^.+-thread(?=\.ts$)/.exec(name) ?? [],
);

function wantedPlatform() {
  try {
    const { platform = thisPlatform } = parseArgs({ options: { platform: { type: 'string' } } }).values;
    if (platforms.includes(platform)) return platform;
    throw new Error(`there is no SQLite addon for ${JSON.stringify(platform)}`);
  } catch (error) {
    process.stderr.write(`${error.message}: npm run build -- --platform ${platforms.join('|')}\n`);
    process.exit(EX_USAGE);
  }
}

const ENTRY = `
import './scripts/node/check.mjs';
import { isMainThread } from 'node:worker_threads';
import { executeCommandLine } from './scripts/commands.ts';
const THREADS = { ${threads.map((name) => `'${name}': () => import('./src/threads/${name}.ts')`).join(', ')} };
if (isMainThread) await executeCommandLine();
else await THREADS[process.argv[2]]();
`;

/**
 * By default, better-sqlite3 looks for its addon in its own package. The size is checked because loading a truncated
 * addon would end the process with SIGBUS.
 */
const addonBeside = {
  name: 'addon next to the bundle',
  setup(bundler) {
    const sizes = platforms.map((name) => statSync(join(prebuilds, `${name}.node`)).size);
    bundler.onLoad({ filter: /[/\\]better-sqlite3[/\\]lib[/\\]binding\.js$/ }, () => ({
      contents: `
        exports.getBinding = () => {
          const file = require.resolve('./${ADDON}');
          const { size } = require('node:fs').statSync(file);
          if (![${sizes.join(', ')}].includes(size))
            throw Object.assign(new Error(\`\${file} is incomplete: it has \${size} bytes\`), { code: 'ERR_DLOPEN_FAILED' });
          return require(file);
        };`,
    }));
    bundler.onResolve({ filter: /\.node$/ }, ({ path }) => ({ path, external: true }));
  },
};

async function bundle() {
  const { outputFiles } = await build({
    stdin: { contents: ENTRY, resolveDir: root },
    absWorkingDir: root,
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node22.18',
    legalComments: 'inline',
    // The CommonJS parts of the bundle use `require` for Node's own modules and the addon.
    banner: {
      js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
    },
    plugins: [addonBeside],
    logLevel: 'warning',
  });
  return outputFiles[0].contents;
}

/**
 * Replaces a file so that readers of `path` always find a complete one, old or new.
 * @param write writes the file at the path that it gets
 */
function replaceFile(path, write) {
  const next = `${path}.${process.pid}.next`;
  try {
    write(next);
    renameSync(next, path);
  } finally {
    rmSync(next, { force: true });
  }
  process.stdout.write(`${relative('', path)}: ${Math.round(statSync(path).size / 1024)} KiB\n`);
}

const platform = wantedPlatform();
const folder = platform === thisPlatform ? join(root, 'dist') : join(root, 'dist', platform);
try {
  const text = await bundle();
  mkdirSync(folder, { recursive: true });
  replaceFile(join(folder, ADDON), (path) => copyFileSync(join(prebuilds, `${platform}.node`), path));
  replaceFile(join(folder, BUNDLE), (path) => writeFileSync(path, text));
} catch (error) {
  // esbuild has already reported errors in the code.
  process.stderr.write(
    error.errors === undefined ? `the build failed: ${error.message}\n` : 'the build failed\n',
  );
  process.exitCode = 1;
}
