/** What every entry loads first: it ends a Node that is too old in one line, before anything that would crash in it. */

import { nodeProblem } from './version.mjs';

const EX_CONFIG = 78;

/** Ends this program, which cannot run as it was started. @param problem one line for the operator */
export function refuse(problem) {
  process.stderr.write(`${problem}\n`);
  process.exit(EX_CONFIG);
}

const problem = nodeProblem(process.versions.node);
if (problem !== undefined) refuse(problem);
