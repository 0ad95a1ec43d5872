/**
 * The last step of `npm ci`: where the machine's Node is too old, installs one below node_modules and links it as
 * node_modules/.bin/node, which npm's scripts and ./irisx find first. A machine with a current Node downloads nothing.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
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
  mkdirSync(folder, { recursive: true });
  for (const name of ['package.json', 'package-lock.json'])
    copyFileSync(join(here, name), join(folder, name));
  const path = process.env.npm_execpath ?? '';
  const npm = path.endsWith('npm-cli.js') ? [process.execPath, path] : ['npm'];
  const [command, ...args] = [...npm, 'ci', '--include=optional', '--loglevel=error'];
  const installed = spawnSync(command, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  if (installed.status !== 0) return `${problem}; npm could not install one here`;

  const binary = join(folder, 'node_modules', '.bin', 'node');
  const { status, stdout } = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  if (status !== 0) {
    rmSync(folder, { recursive: true }); // another C library or platform
    return `${problem}; npm has none that runs on this machine`;
  }
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(relative(dirname(link), binary), link);
  return `Node ${process.versions.node} is too old: npm and ./irisx use Node ${stdout.trim().slice(1)} in this folder`;
}

const problem = nodeProblem(process.versions.node);
if (problem !== undefined) process.stderr.write(`${installNode()}\n`);
