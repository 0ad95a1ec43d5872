/**
 * Makes the report views from code. Their version stands beside those of the projections, under a name of its own.
 */

import type { Database } from 'better-sqlite3';
import type { Derivations } from './projection.ts';

const STATE_NAME = 'views';

interface StoredView {
  readonly name: string;
  readonly sql: string;
}

/**
 * Runs `work` while no view names a table, because SQLite would rename it in the views, too; then makes all
 * views anew: ours from code, a user's own as they were. Run it inside a transaction.
 */
export function withoutViews(database: Database, derivations: Derivations, work: () => void): void {
  const views = database
    .prepare("SELECT name, sql FROM main.sqlite_master WHERE type = 'view' AND name <> 'events_json'")
    .all() as StoredView[];
  for (const { name } of views) database.exec(`DROP VIEW "${name}"`);
  work();
  createViews(database, derivations);
  for (const { name, sql } of views) if (!isOurs(name)) database.exec(sql);
}

/** What a user has put into the file: his views, and the names of his tables. */
export function foreignObjects(
  database: Database,
  derivations: Derivations,
): { readonly views: readonly StoredView[]; readonly tables: readonly string[] } {
  const views = database
    .prepare("SELECT name, sql FROM main.sqlite_master WHERE type = 'view' AND name <> 'events_json'")
    .all() as StoredView[];
  const ours = [
    'events',
    'failures',
    'projections',
    'storage_probe',
    ...derivations.projections.map(({ name }) => name),
  ];
  const tables = database
    .prepare(
      "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .pluck()
    .all() as string[];
  return {
    views: views.filter(({ name }) => !isOurs(name)),
    tables: tables.filter((name) => !ours.includes(name) && !isRebuilds(name, ours)),
  };
}

/** Tables of a rebuild under way, or of one that was killed. */
function isRebuilds(name: string, ours: readonly string[]): boolean {
  return ours.some((own) => name === `${own}_next` || name === `${own}_old`);
}

/** Views whose names begin like this are this program's: it drops those that its code no longer has. */
function isOurs(name: string): boolean {
  return name.startsWith('report_');
}

function dropViews(database: Database): void {
  const names = database
    .prepare("SELECT name FROM main.sqlite_master WHERE type = 'view'")
    .pluck()
    .all() as string[];
  for (const name of names) if (isOurs(name)) database.exec(`DROP VIEW "${name}"`);
}

/** Makes every report view anew and notes their version. Run it inside a transaction. */
export function createViews(database: Database, derivations: Derivations): void {
  dropViews(database);
  for (const view of derivations.views) database.exec(`CREATE VIEW ${view.name} AS ${view.sql}`);
  database
    .prepare(
      `INSERT INTO projections (name, version, applied_seq) VALUES (?, ?, 0)
       ON CONFLICT (name) DO UPDATE SET version = excluded.version`,
    )
    .run(STATE_NAME, derivations.viewsVersion);
}

/** Makes the views anew if the file has older ones; never puts older ones in the place of newer ones. */
export function updateViews(database: Database, derivations: Derivations): void {
  const update = database.transaction(() => {
    const version = database
      .prepare('SELECT version FROM projections WHERE name = ?')
      .pluck()
      .get(STATE_NAME);
    if (version === undefined || Number(version) < derivations.viewsVersion)
      createViews(database, derivations);
  });
  update.immediate();
}
