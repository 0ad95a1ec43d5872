/**
 * Makes `dist/irisx-webhooks.mjs`, all of the compiled program in one file, and puts the addon that it needs beside it:
 * two files that run with node alone. `node irisx-webhooks.mjs` is the server, `node irisx-webhooks.mjs COMMAND` a command.
 */

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** A line a command: its name and what is run. */
const COMMANDS = {
  send: 'scripts/send',
  sign: 'scripts/sign',
  report: 'scripts/report',
  explain: 'scripts/explain',
  events: 'scripts/events',
  handlers: 'scripts/handlers',
  rebuild: 'scripts/rebuild',
  verify: 'scripts/verify',
  backup: 'scripts/backup',
};
const THREADS = ['writer-thread', 'rebuild-thread', 'handlers-thread', 'pages-thread'];
const NAME = 'irisx-webhooks.mjs';
const ADDON = 'better_sqlite3.node';

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist');
const require = createRequire(import.meta.url);

/** A thread is this file again, with the thread's name as its argument. */
const THREADS_IN_ONE_FILE = `
import { Worker } from 'node:worker_threads';
export function startThread(name, workerData, resourceLimits = {}) {
  return new Worker(new URL(import.meta.url), { argv: [name], workerData, resourceLimits });
}
`;

const ENTRY = `
import { isMainThread } from 'node:worker_threads';
const threads = { ${THREADS.map((name) => `'${name}': () => import('./src/${name}.js')`).join(', ')} };
const commands = { ${Object.entries(COMMANDS)
  .map(([name, path]) => `'${name}': () => import('./${path}.js')`)
  .join(', ')} };
const [, , name] = process.argv;
if (!isMainThread) await threads[name]();
else if (name === undefined || name === 'serve') await import('./src/main.js');
else if (Object.hasOwn(commands, name)) {
  process.argv.splice(2, 1);
  await commands[name]();
} else {
  const names = Object.keys(commands).join(', ');
  const isHelp = name === '--help' || name === '-h';
  const text = \`node ${NAME} starts the server, node ${NAME} COMMAND runs one of: \${names}; each has --help\\n\`;
  if (isHelp) process.stdout.write(text);
  else process.stderr.write(\`there is no command \${JSON.stringify(name)}: \${text}\`);
  process.exitCode = isHelp ? 0 : 64;
}
`;

const inOneFile = {
  name: 'in one file',
  setup(bundler) {
    bundler.onLoad({ filter: /dist[/\\]src[/\\]threads\.js$/ }, () => ({
      contents: THREADS_IN_ONE_FILE,
      loader: 'js',
    }));
    // better-sqlite3 looks for its addon through this package.
    bundler.onResolve({ filter: /^bindings$/ }, () => ({ path: 'bindings', namespace: 'beside' }));
    bundler.onResolve({ filter: /better_sqlite3\.node$/ }, ({ path }) => ({ path, external: true }));
    bundler.onLoad({ filter: /.*/, namespace: 'beside' }, () => ({
      contents: `module.exports = () => require('./${ADDON}');`,
      loader: 'js',
    }));
  },
};

const { outputFiles } = await build({
  stdin: { contents: ENTRY, resolveDir: dist },
  bundle: true,
  write: false,
  outfile: NAME,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  legalComments: 'inline',
  // What of it is CommonJS requires node's own modules, and the addon.
  banner: {
    js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
  },
  plugins: [inOneFile],
  logLevel: 'warning',
});

// What it tells people to type works where there is no npm.
const typed = new RegExp(`npm run (${Object.keys(COMMANDS).join('|')})\\b(?: --(?= ))?`, 'g');
const shown = new RegExp(`(node ${NAME} [^\\n]*)`, 'g');
const text = outputFiles[0].text
  .replace(typed, `node ${NAME} $1`)
  .replace(shown, (line) => line.replaceAll('[-- ', '['));
writeFileSync(join(dist, NAME), text);

const addon = join(dirname(require.resolve('better-sqlite3/package.json')), 'build', 'Release', ADDON);
copyFileSync(addon, join(dist, ADDON));
process.stderr.write(
  `dist/${NAME}: ${Math.round(readFileSync(join(dist, NAME)).length / 1024)} KiB, with ${ADDON} beside it\n`,
);
