/** Which versions of Node are warned of. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { nodeProblem } from '../src/node-problem.ts';

it('warns of Node from 24.19 on, by name and with what to do', () => {
  for (const version of ['20.12.0', '20.20.2', '22.23.2', '23.11.1', '24.0.0', '24.18.9'])
    assert.equal(nodeProblem(version), undefined, version);
  for (const version of ['24.19.0', '24.21.0', '25.0.0', '26.3.0'])
    assert.match(nodeProblem(version) ?? '', new RegExp(`^Node ${version} aborts .* use Node 22 LTS$`));
});
