/**
 * The last step of `npm ci`: if the machine's Node is too old, installs a newer one below node_modules and links it as
 * node_modules/.bin/node, which npm scripts and ./irisx find first. If Node is new enough, it downloads nothing.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeProblem } from './version.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, '..', '..', 'node_modules');
/** A separate package, so that npm checks the download against the lock file in this script's folder. */
const folder = join(modules, '.node');
const link = join(modules, '.bin', 'node');

/** @returns one line for the operator: what was installed, or why nothing was */
function installNode() {
  const packages = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8')).optionalDependencies;
  const name = `node-${process.platform}-${process.arch}`;
  if (!Object.hasOwn(packages, name))
    return `${problem}; npm has no Node for ${process.platform}-${process.arch}`;
  mkdirSync(folder, { recursive: true });
  for (const file of ['package.json', 'package-lock.json'])
    copyFileSync(join(here, file), join(folder, file));
  const path = process.env.npm_execpath ?? '';
  const npm = path.endsWith('npm-cli.js') ? [process.execPath, path] : ['npm'];
  const [command, ...args] = [...npm, 'ci', '--include=optional', '--loglevel=error'];
  spawnSync(command, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });

  // Not through node_modules/.bin: npm 10 makes no link there if it has skipped a package for another platform.
  const binary = join(folder, 'node_modules', name, 'bin', 'node');
  if (!existsSync(binary))
    return `${problem}; npm could not download a newer one for this folder: run npm ci again`;
  const { status, stdout } = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  if (status !== 0) {
    rmSync(folder, { recursive: true }); // it needs the GNU C library
    return `${problem}; npm has no Node that runs on this machine`;
  }
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(relative(dirname(link), binary), link);
  return `Node ${process.versions.node} is too old: npm and ./irisx use Node ${stdout.trim().slice(1)} in this folder`;
}

const problem = nodeProblem(process.versions.node);
if (problem !== undefined) process.stderr.write(`${installNode()}\n`);
