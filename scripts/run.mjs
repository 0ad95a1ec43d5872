/**
 * Starts a compiled program of this project: `node scripts/run.mjs src/main`. Compiles first where the compiler is
 * installed and a source is newer than what it made; without the compiler (`npm ci --omit=dev`) it runs what is
 * there. `--build` compiles and ends.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'dist', '.built');
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');

function newestMs(path) {
  if (!statSync(path).isDirectory()) return statSync(path).mtimeMs;
  const names = readdirSync(path).filter((name) => name !== 'node_modules');
  return Math.max(statSync(path).mtimeMs, ...names.map((name) => newestMs(join(path, name))));
}

function isOutdated() {
  if (!existsSync(stamp)) return true;
  const sources = ['src', 'scripts', 'tsconfig.json', 'tsconfig.build.json'].map((name) => join(root, name));
  return Math.max(...sources.map(newestMs)) > statSync(stamp).mtimeMs;
}

function build() {
  process.stderr.write('compiling … ');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  const { status, stdout } = spawnSync(
    process.execPath,
    [compiler, '-p', join(root, 'tsconfig.build.json')],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  if (status !== 0) {
    process.stderr.write(`failed\n${stdout}`);
    process.exit(1);
  }
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, '');
  process.stderr.write('done\n');
}

const [, , name = '--build', ...rest] = process.argv;
if (existsSync(compiler)) {
  if (name === '--build' || isOutdated()) build();
} else if (!existsSync(stamp)) {
  process.stderr.write(
    'nothing is compiled here and the compiler is not installed: run `npm ci && npm run build` once\n',
  );
  process.exit(1);
}
if (name !== '--build') {
  const program = join(root, 'dist', `${name}.js`);
  process.argv = [process.execPath, program, ...rest];
  await import(program);
}
