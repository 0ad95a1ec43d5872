/** The direction of imports: main → http → core ← projections ← pages; scripts → core, projections, config, main. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { it } from 'node:test';

const root = join(import.meta.dirname, '..');

/** Layer → the layers that it may import from, apart from itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'src/core': [],
  'src/projections': ['src/core'],
  'src/http': ['src/core'],
  'src/handlers': ['src/core'],
  'src/pages': ['src/core', 'src/projections'],
  src: ['src/core', 'src/http', 'src/projections', 'src/handlers', 'src/pages'],
  scripts: [
    'src/core',
    'src/projections',
    'src/config/config.ts',
    'src/config/development-secret.ts',
    'src/main.ts',
  ],
};

/** Packages that the program may use. */
const PACKAGES = ['better-sqlite3'];

function layerOf(path: string): string {
  if (path.startsWith('scripts')) return 'scripts';
  const [, folder = ''] = dirname(path).split('/');
  if (['engines', 'threads', 'config'].includes(folder)) return folder === 'engines' ? 'src/core' : 'src';
  return folder === '' ? 'src' : `src/${folder}`;
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

it('imports go in one direction', () => {
  const wrong: string[] = [];
  let seen = 0;
  for (const path of files) {
    const layer = layerOf(path);
    for (const imported of importsOf(path)) {
      if (!imported.startsWith('.')) continue;
      seen += 1;
      const target = relative(root, join(root, dirname(path), imported));
      const allowed = [layer, ...(MAY_IMPORT[layer] ?? [])];
      if (!allowed.includes(layerOf(target)) && !allowed.includes(target))
        wrong.push(`${path} imports ${target}`);
    }
  }
  assert.ok(seen > 100, `only ${seen} imports were found`);
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

it('all SQL on events and failures is in the modules that own those tables', () => {
  const owners = [
    'src/engines/sqlite/log/event-log.ts',
    'src/engines/sqlite/log/event-search.ts',
    'src/engines/sqlite/file/schema.ts',
    'src/projections/report-views.ts',
    'src/engines/sqlite/rebuild/rebuild.ts',
    'src/engines/sqlite/rebuild/next-tables.ts',
    'src/engines/sqlite/stand-as-of.ts',
    'src/engines/sqlite/rebuild/temporary-tables.ts',
    'src/projections/reports.ts',
    'src/pages/figures.ts',
  ];
  const sql = /\b(?:FROM|INTO|UPDATE)\s+(?:main\.|temp\.)?(?:events|failures)\b/;
  const wrong = files
    .filter((path) => path.startsWith('src') && !owners.includes(path))
    .filter((path) => sql.test(readFileSync(join(root, path), 'utf8')));
  assert.deepEqual(wrong, []);
});
