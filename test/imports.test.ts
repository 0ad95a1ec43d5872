/** The rooms of the program: every folder is one, and imports between them go one way. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { it } from 'node:test';

const root = join(import.meta.dirname, '..');

/** What each room may import from, apart from itself. A `/*` at the end includes the rooms inside. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'src/core': [],
  'src/core/event': ['src/core'],
  'src/core/tables': ['src/core', 'src/core/event'],
  'src/core/engine': ['src/core/event', 'src/core/tables'],
  'src/core/metrics': ['src/core', 'src/core/event', 'src/core/writer'],
  'src/core/writer': ['src/core', 'src/core/event', 'src/core/tables', 'src/core/engine'],
  'src/core/runs': ['src/core', 'src/core/event', 'src/core/engine'],
  'src/core/inspect': ['src/core', 'src/core/event', 'src/core/tables', 'src/core/engine'],
  'src/engines/sqlite/file': ['src/core/*'],
  'src/engines/sqlite/log': ['src/core/*', 'src/engines/sqlite/file'],
  'src/engines/sqlite/rebuild': ['src/core/*', 'src/engines/sqlite/file', 'src/engines/sqlite/log'],
  'src/engines/sqlite': ['src/core/*', 'src/engines/sqlite/*'],
  'src/engines': ['src/core/*', 'src/engines/sqlite'],
  'src/projections': ['src/core/*'],
  'src/handlers': ['src/core/*', 'src/projections'],
  'src/pages': ['src/core/*', 'src/projections'],
  'src/http/guard': ['src/core/*'],
  'src/http': ['src/core/*', 'src/config', 'src/http/guard'],
  'src/http/admin': ['src/core/*', 'src/http'],
  'src/config': ['src/core', 'src/handlers', 'src/http/guard'],
  'src/threads': [
    'src/core/*',
    'src/engines',
    'src/engines/sqlite/file',
    'src/projections',
    'src/handlers',
    'src/pages',
  ],
  src: ['src/*'],
  scripts: ['src/core/*', 'src/engines', 'src/projections', 'src/config', 'src/main.ts'],
};

const FILES_IN_A_ROOM_MAX = 14;
const LOOSE_FILES_MAX = 8;

/** Packages that the program may use. */
const PACKAGES = ['better-sqlite3'];

function roomOf(path: string): string {
  return path.startsWith('scripts') ? 'scripts' : dirname(path);
}

const files = ['src', 'scripts']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  )
  .filter((path) => path.endsWith('.ts'));

function importsOf(path: string): string[] {
  const source = readFileSync(join(root, path), 'utf8');
  return [
    ...source.matchAll(
      /^(?:import|export)\b[^'";]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm,
    ),
  ].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

/** Every import between two files of this project. */
function edges(): { readonly path: string; readonly target: string }[] {
  const found = files.flatMap((path) =>
    importsOf(path)
      .filter((imported) => imported.startsWith('.'))
      .map((imported) => ({ path, target: relative(root, join(root, dirname(path), imported)) })),
  );
  assert.ok(found.length > 100, `only ${found.length} imports were found`);
  return found;
}

/** @param allowed an entry of MAY_IMPORT */
function covers(allowed: string, target: string): boolean {
  const room = roomOf(target);
  return (
    allowed === room ||
    allowed === target ||
    (allowed.endsWith('/*') && `${room}/`.startsWith(allowed.slice(0, -1)))
  );
}

function mayImport(path: string, target: string): boolean {
  const from = roomOf(path);
  return from === roomOf(target) || (MAY_IMPORT[from] ?? []).some((allowed) => covers(allowed, target));
}

it('every import goes to a room that may be imported', () => {
  const wrong = edges().filter(({ path, target }) => !mayImport(path, target));
  assert.deepEqual(
    wrong.map(({ path, target }) => `${path} imports ${target}`),
    [],
  );
});

it('every permission is used', () => {
  const used = edges();
  const unused = Object.entries(MAY_IMPORT).flatMap(([room, allowed]) =>
    allowed
      .filter((each) => !used.some(({ path, target }) => roomOf(path) === room && covers(each, target)))
      .map((each) => `${room} → ${each}`),
  );
  assert.deepEqual(unused, []);
});

it('no rooms import each other in a circle', (t) => {
  const graph = new Map<string, Set<string>>();
  for (const { path, target } of edges()) {
    const [from, to] = [roomOf(path), roomOf(target)];
    if (from !== to) graph.set(from, (graph.get(from) ?? new Set()).add(to));
  }
  for (const [room, imported] of [...graph].toSorted())
    t.diagnostic(`${room} → ${[...imported].toSorted().join(', ')}`);
  const done = new Set<string>();
  const visit = (room: string, way: readonly string[]) => {
    assert.ok(!way.includes(room), `a circle: ${[...way, room].join(' → ')}`);
    if (done.has(room)) return;
    for (const next of graph.get(room) ?? []) visit(next, [...way, room]);
    done.add(room);
  };
  for (const room of graph.keys()) visit(room, []);
  assert.ok(done.size > 20, `only ${done.size} rooms were found`);
});

it('a room has at most a dozen files or so, and few files are in none', () => {
  const sizes = new Map<string, number>();
  for (const path of files.filter((each) => each.startsWith('src')))
    sizes.set(dirname(path), (sizes.get(dirname(path)) ?? 0) + 1);
  for (const [room, size] of sizes) {
    const max = room === 'src' ? LOOSE_FILES_MAX : FILES_IN_A_ROOM_MAX;
    assert.ok(size <= max, `${room} has ${size} files, more than ${max}`);
  }
});

it('only the SQLite engine knows its driver', () => {
  const wrong = files
    .filter((path) => path.startsWith('src') && !path.startsWith('src/engines/sqlite'))
    .filter((path) => importsOf(path).includes('better-sqlite3'));
  assert.deepEqual(wrong, []);
});

it('the interface of engines is types alone', () => {
  const wrong = files
    .filter((path) => dirname(path) === 'src/core/engine')
    .filter((path) =>
      /^(?:export )?(?:const|let|function|class)\b|^import (?!type )/m.test(
        readFileSync(join(root, path), 'utf8'),
      ),
    );
  assert.deepEqual(wrong, []);
});

it('the program needs only Node and one package', () => {
  const strange = files
    .filter((path) => path.startsWith('src'))
    .flatMap((path) => importsOf(path).map((imported) => ({ path, imported })))
    .filter(
      ({ imported }) =>
        !imported.startsWith('.') && !imported.startsWith('node:') && !PACKAGES.includes(imported),
    );
  assert.deepEqual(strange, []);
});

it('core does not use HTTP or the environment', () => {
  const wrong = files
    .filter((path) => path.startsWith('src/core'))
    .filter((path) =>
      /from 'node:http|process\.env|loadEnvFile/.test(readFileSync(join(root, path), 'utf8')),
    );
  assert.deepEqual(wrong, []);
});

it('SQL on events and failures is only in engines, reports and figures', () => {
  const owners = [
    'src/engines/',
    'src/projections/report-views.ts',
    'src/projections/reports.ts',
    'src/pages/figures.ts',
  ];
  const sql = /\b(?:FROM|INTO|UPDATE)\s+(?:main\.|temp\.)?(?:events|failures)\b/;
  const wrong = files
    .filter((path) => path.startsWith('src') && !owners.some((owner) => path.startsWith(owner)))
    .filter((path) => sql.test(readFileSync(join(root, path), 'utf8')));
  assert.deepEqual(wrong, []);
});
