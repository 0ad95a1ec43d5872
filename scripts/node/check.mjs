/** What every entry loads first: it ends a Node that is too old in one line, before anything that would crash in it. */

import { nodeProblem } from './version.mjs';

const EX_CONFIG = 78;

const problem = nodeProblem(process.versions.node);
if (problem !== undefined) {
  process.stderr.write(`${problem}\n`);
  process.exit(EX_CONFIG);
}
