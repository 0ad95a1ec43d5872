/** The variables and commands in the documents match those that exist. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { tablesPage } from '../scripts/cli/tables-page.ts';
import { DECLARED, NAMES, VARIABLES } from '../src/config/variables.ts';
import { tables } from '../src/projections/index.ts';

const root = join(import.meta.dirname, '..');
const read = (name: string) => readFileSync(join(root, name), 'utf8');

/** The rows of the configuration table: the names in the first column, and the defaults in the second. */
function documented(): { readonly names: readonly string[]; readonly defaults: readonly string[] }[] {
  const [, table = ''] = /^## Configuration$([\s\S]*?)^## /m.exec(read('docs/OPERATIONS.md')) ?? [];
  return [...table.matchAll(/^\| (`[A-Z].*?) *\| (.*?) *\|/gm)].map(([, names = '', defaults = '']) => ({
    names: [...names.matchAll(/`([A-Z][A-Z0-9_]*)`/g)].map(([, name = '']) => name),
    defaults: defaults.split(', ').map((text) => text.replaceAll('`', '')),
  }));
}

/** Each line `NAME=value` of .env.example, whether it is commented out or not. */
function examples(): Map<string, string> {
  const lines = [...read('.env.example').matchAll(/^#? ?([A-Z][A-Z0-9_]*)=(\S*)/gm)];
  return new Map(lines.map(([, name = '', value = '']) => [name, value]));
}

it('every variable is read, and documented with its default', () => {
  const source = read('src/config/config.ts');
  for (const name of Object.keys(VARIABLES))
    assert.match(source, new RegExp(`\\b(?:read|isSet|given)\\((?:env, )?'${name}'\\)`), name);
  const rows = documented();
  assert.deepEqual(rows.flatMap(({ names }) => names).toSorted(), NAMES.toSorted());
  for (const { names, defaults } of rows)
    for (const [index, name] of names.entries())
      assert.equal(DECLARED[name]?.default || undefined, asDefault(defaults[index]), name);
});

/** Words such as "all interfaces" are no default value. */
function asDefault(text = ''): string | undefined {
  return /^(–|all interfaces|src\/handlers|created in .*|text; json in production)?$/.test(text)
    ? undefined
    : text;
}

it('.env.example lists every variable that a user sets, with its default', () => {
  const values = examples();
  const own = NAMES.filter((name) => !['LISTEN_FDS', 'LISTEN_PID'].includes(name));
  assert.deepEqual([...values.keys()].toSorted(), own.toSorted());
  for (const [name, value] of values)
    if (name !== 'FORWARD_EVENTS') assert.equal(value, DECLARED[name]?.default ?? value, name);
});

const documents = [
  'README.md',
  'ARCHITECTURE.md',
  ...['HANDLERS', 'OPERATIONS', 'PERFORMANCE', 'RELIABILITY', 'SECURITY', 'TABLES'].map(
    (name) => `docs/${name}.md`,
  ),
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

it('the columns in the documents are those of the tables', () => {
  assert.equal(read('docs/TABLES.md'), tablesPage(tables), 'docs/TABLES.md is out of date: run npm run docs');
});
