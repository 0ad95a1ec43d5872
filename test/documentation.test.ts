/** The variables and commands in the documents match those that exist. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { FROM_FILES, VARIABLES } from '../src/config/variables.ts';

const root = join(import.meta.dirname, '..');
const read = (name: string) => readFileSync(join(root, name), 'utf8');

/** The variables that the configuration reads from the environment, and their `_FILE` forms. */
function variablesRead(): Set<string> {
  const source = read('src/config/config.ts') + read('src/config/forward-options.ts');
  const calls =
    /\b(?:set\(env, |oneOf\(|integer\(|listOf\(env, )\s*'([A-Z][A-Z0-9_]*)'|env\['([A-Z][A-Z0-9_]*)'\]/g;
  const found = [...source.matchAll(calls)].map((match) => match[1] ?? match[2] ?? '');
  return new Set([...found, ...FROM_FILES.map((name) => `${name}_FILE`)]);
}

/** The names in the first column of the configuration table. */
function variablesDocumented(): Set<string> {
  const [, table = ''] = /^## Configuration$([\s\S]*?)^## /m.exec(read('docs/OPERATIONS.md')) ?? [];
  const cells = table.split('\n').flatMap((line) => /^\| (`.*?) *\|/.exec(line)?.[1] ?? []);
  return new Set(
    cells.flatMap((cell) => [...cell.matchAll(/`([A-Z][A-Z0-9_]*)`/g)].map(([, name = '']) => name)),
  );
}

it('every variable that is read is documented, and every documented variable is read', () => {
  const found = variablesRead();
  assert.ok(found.size > 20, `only ${found.size} variables were found`);
  assert.deepEqual([...variablesDocumented()].toSorted(), [...found].toSorted());
  assert.deepEqual([...VARIABLES].toSorted(), [...found].toSorted());
});

it('.env.example lists every variable that a user sets', () => {
  const named = new Set(
    [...read('.env.example').matchAll(/^#? ?([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name),
  );
  const set = [...variablesRead()].filter((name) => !['LISTEN_FDS', 'LISTEN_PID'].includes(name));
  assert.deepEqual([...named].toSorted(), set.toSorted());
});

const documents = [
  'README.md',
  'ARCHITECTURE.md',
  ...['HANDLERS', 'OPERATIONS', 'PERFORMANCE', 'RELIABILITY', 'SECURITY'].map((name) => `docs/${name}.md`),
]
  .map(read)
  .join('\n');

it('every npm script in the documents exists, and every existing one is documented', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = new Set(
    [...documents.matchAll(/\bnpm run ([a-z][a-z:-]*[a-z])\b/g)].map(([, name = '']) => name),
  );
  for (const name of named) assert.ok(name in scripts, `npm run ${name} does not exist`);
  for (const [name, command] of Object.entries(scripts)) {
    const isCommand = command.endsWith(`scripts/irisx.mjs ${name}`);
    const isNamed = named.has(name) || documents.includes(`\`${name}\``) || documents.includes(`npm ${name}`);
    assert.ok(
      isCommand || isNamed || name === 'postinstall',
      `${name} is in package.json, but not in any document`,
    );
  }
});

it('every command in the documents exists, and every existing one is in the README', () => {
  const { stdout } = spawnSync(process.execPath, ['scripts/irisx.mjs', '--help'], {
    cwd: root,
    encoding: 'utf8',
  });
  const commands = [...stdout.matchAll(/^ {2}([a-z:]+) /gm)].map(([, name = '']) => name);
  assert.ok(commands.length > 10, stdout);
  const named = [...documents.matchAll(/(?:\.\/irisx|node irisx-webhooks\.mjs) ([a-z][a-z:]*)/g)].map(
    ([, name = '']) => name,
  );
  assert.ok(named.length > 30, `only ${named.length} commands were found`);
  for (const name of named) assert.ok(commands.includes(name), `./irisx ${name} does not exist`);
  for (const name of commands)
    assert.ok(
      read('README.md').includes(`\`./irisx ${name}`) || name.startsWith('bench:'),
      `./irisx ${name} is not in the README`,
    );
  assert.doesNotMatch(
    documents,
    /npm run [a-z:]+ -- (?!--only|--seed|--platform)/,
    'commands that take options are shown as ./irisx',
  );
});
