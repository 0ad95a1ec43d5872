/** The README's walkthrough, run as written: start a server, send the first deliveries, query the tables. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { freePort } from './support/free-port.ts';
import { startProgram } from './support/program.ts';
import { temporaryFolder } from './support/receiver.ts';

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const run = promisify(execFile);

/** The shell blocks of the README, in order. */
const blocks = [...readme.matchAll(/^```bash\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '');

it('the README’s commands work in order and print what it says', async () => {
  const [start = '', test, ...story] = blocks;
  assert.equal(start, 'npm ci && npm start\n');
  assert.equal(test, 'npm ci && npm test\n');
  assert.equal(story.length, 4, 'a block was added: extend this test with what it must print');

  const folder = temporaryFolder();
  const parts = ['irisx', 'package.json', 'scripts', 'src', 'node_modules'];
  for (const name of parts) symlinkSync(join(root, name), join(folder.path, name));
  const port = await freePort();
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder.path,
    PORT: String(port),
    npm_config_loglevel: 'silent',
  };
  const shell = async (block: string) => {
    const commands = block.replaceAll('localhost:3000', `localhost:${port}`);
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', commands], { cwd: folder.path, env });
    return stdout;
  };

  const server = startProgram(['npm', 'start'], folder.path, env);
  try {
    await server.listening();
    await server.printed('try it');
    for (const part of [
      `http://localhost:${port}/webhooks`,
      'data/irisx.db',
      'development',
      './irisx send call.completed',
    ]) {
      assert.ok(server.output().includes(part), `the start does not print ${part}`);
    }
    const [send = '', look = '', scenarios = '', curl = ''] = story;

    assert.match(await shell(send), /^--> call\.completed\n<-- 200 [\d.]+ ms seq 1$/m);
    assert.match(await shell(look), /│ completed +│ +[\d.]+ +│ +[\d.]+ +│/);

    const printed = await shell(scenarios);
    assert.match(printed, /--> recording\.transcribed\n<-- 200 [\d.]+ ms seq 7\n/);
    assert.match(printed, /│ \d{4}-\d\d-\d\d │ completed │ 2 /);
    assert.match(printed, /│ STOP +│/);

    const once = JSON.parse(await shell(curl)) as Record<string, unknown>;
    assert.equal(once['success'], true);
    assert.equal(once['duplicate'], false);
    const again = JSON.parse(await shell(curl)) as Record<string, unknown>;
    assert.deepEqual([again['duplicate'], again['seq']], [true, once['seq']]);
  } finally {
    server.killAll();
    await server.ended();
    folder.remove();
  }
});
