/**
 * The last step of `npm ci`: where the machine's Node is too old, installs one below node_modules and links it as
 * node_modules/.bin/node, which npm's scripts and ./irisx find first. A machine with a current Node downloads nothing.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeProblem } from './version.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, '..', '..', 'node_modules');
/** A package of its own, so that npm checks what it downloads against the lock file beside this script. */
const folder = join(modules, '.node');
const link = join(modules, '.bin', 'node');

/** @returns what there is to say about it */
function installNode() {
  const packages = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8')).optionalDependencies;
  const name = `node-${process.platform}-${process.arch}`;
  if (!Object.hasOwn(packages, name))
    return `${problem}; npm has none for ${process.platform}-${process.arch}`;
  mkdirSync(folder, { recursive: true });
  for (const file of ['package.json', 'package-lock.json'])
    copyFileSync(join(here, file), join(folder, file));
  const path = process.env.npm_execpath ?? '';
  const npm = path.endsWith('npm-cli.js') ? [process.execPath, path] : ['npm'];
  const [command, ...args] = [...npm, 'ci', '--include=optional', '--loglevel=error'];
  spawnSync(command, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });

  // Not by its link in node_modules/.bin: npm 10 makes none where a package for another platform was left out.
  const binary = join(folder, 'node_modules', name, 'bin', 'node');
  if (!existsSync(binary)) return `${problem}; npm could not download one for this folder: run npm ci again`;
  const { status, stdout } = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  if (status !== 0) {
    rmSync(folder, { recursive: true }); // it needs the GNU C library
    return `${problem}; npm has none that runs on this machine`;
  }
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(relative(dirname(link), binary), link);
  return `Node ${process.versions.node} is too old: npm and ./irisx use Node ${stdout.trim().slice(1)} in this folder`;
}

const problem = nodeProblem(process.versions.node);
if (problem !== undefined) process.stderr.write(`${installNode()}\n`);
