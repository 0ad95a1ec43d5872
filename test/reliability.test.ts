/** The table of docs/RELIABILITY.md and the tests match. */

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';

const root = join(import.meta.dirname, '..');
const FAMILIES = 29;

const table = readFileSync(join(root, 'docs/RELIABILITY.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('|'));
const rows = table
  .map((line) => /^\| ([A-E]\d+[a-z]?) +\|(.*)$/.exec(line))
  .filter((match) => match !== null)
  .map(([, id = '', rest = '']) => ({
    id,
    tests: [...rest.matchAll(/`(test\/[^`]+)`/g)].map(([, path]) => path),
  }));

it('every fault case is in the table, and every case in the table that names no test is a fault case', () => {
  const faults = readdirSync(join(root, 'test/faults'))
    .filter((name) => name.endsWith('.fault.ts'))
    .flatMap((name) => [
      ...readFileSync(join(root, 'test/faults', name), 'utf8').matchAll(
        /^\s*(?:fault\(|\[)?'([A-E]\d+[a-z]?)',/gm,
      ),
    ])
    .map(([, id]) => id);
  assert.ok(faults.length > 30, String(faults.length));
  const inTable = rows.filter(({ tests }) => tests.length === 0).map(({ id }) => id);
  assert.deepEqual(faults.sort(), inTable.sort());
});

it('the table has all 29 families, and the tests that it names exist', () => {
  const families = new Set(rows.map(({ id }) => Number(id.replace(/\D/g, ''))));
  assert.deepEqual(
    [...families].sort((one, other) => one - other),
    Array.from({ length: FAMILIES }, (_, index) => index + 1),
  );
  const named = table.flatMap((line) => [...line.matchAll(/`(test\/[^`]+)`/g)].map(([, path = '']) => path));
  assert.ok(named.length > 5);
  for (const path of named) assert.ok(existsSync(join(root, path)), path);
});
