/** Every entry point loads this first: it ends the program in one line if Node is too old, before anything crashes. */

import { nodeProblem } from './version.mjs';

const EX_CONFIG = 78;

/** Ends this program because it cannot run as started. @param problem one line for the operator */
export function refuse(problem) {
  process.stderr.write(`${problem}\n`);
  process.exit(EX_CONFIG);
}

const problem = nodeProblem(process.versions.node);
if (problem !== undefined) refuse(problem);
