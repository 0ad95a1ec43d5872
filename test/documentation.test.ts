/** What the documents say of variables and commands is what there is. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (name: string) => readFileSync(join(root, name), 'utf8');

/** What config.ts reads of the environment. */
function variablesRead(): Set<string> {
  const source = read('src/config.ts');
  const calls = /\b(?:set\(env, |oneOf\(|integer\()\s*'([A-Z][A-Z0-9_]*)'|env\['([A-Z][A-Z0-9_]*)'\]/g;
  return new Set([...source.matchAll(calls)].map((match) => match[1] ?? match[2] ?? ''));
}

/** The names in the first column of the configuration table. */
function variablesDocumented(): Set<string> {
  const [, table = ''] = /^## Configuration$([\s\S]*?)^## /m.exec(read('docs/OPERATIONS.md')) ?? [];
  const cells = table.split('\n').flatMap((line) => /^\| (`.*?) *\|/.exec(line)?.[1] ?? []);
  return new Set(
    cells.flatMap((cell) => [...cell.matchAll(/`([A-Z][A-Z0-9_]*)`/g)].map(([, name = '']) => name)),
  );
}

it('every variable that is read is documented, and every documented one is read', () => {
  const found = variablesRead();
  assert.ok(found.size > 20, `only ${found.size} variables were found in config.ts`);
  assert.deepEqual([...variablesDocumented()].toSorted(), [...found].toSorted());
});

it('.env.example names every variable that a person sets', () => {
  const named = new Set(
    [...read('.env.example').matchAll(/^#? ?([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name),
  );
  const set = [...variablesRead()].filter((name) => !['LISTEN_FDS', 'LISTEN_PID'].includes(name));
  assert.deepEqual([...named].toSorted(), set.toSorted());
});

it('every npm command in the documents exists, and every one that exists is in a document', () => {
  const documents = [
    'README.md',
    'ARCHITECTURE.md',
    ...['HANDLERS', 'OPERATIONS', 'PERFORMANCE', 'RELIABILITY', 'SECURITY'].map((name) => `docs/${name}.md`),
  ];
  const text = documents.map(read).join('\n');
  const named = new Set([...text.matchAll(/\bnpm run ([a-z][a-z:-]*[a-z])\b/g)].map(([, name = '']) => name));
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const name of named) assert.ok(name in scripts, `npm run ${name} does not exist`);
  for (const name of Object.keys(scripts)) {
    const isNamed = named.has(name) || text.includes(`\`${name}\``) || text.includes(`npm ${name}`);
    assert.ok(isNamed, `${name} is in package.json, but in no document`);
  }
});
