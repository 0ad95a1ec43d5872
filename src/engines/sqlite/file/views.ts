/**
 * Creates the report views from code. Their version is stored with those of the projections, under the name `views`.
 */

import type { Database } from 'better-sqlite3';
import type { Derivations } from '../../../core/tables/projection.ts';

const STATE_NAME = 'views';

interface StoredView {
  readonly name: string;
  readonly sql: string;
}

/**
 * Drops all views, runs `work`, and creates the views again: ours from code, the user's as they were. SQLite would
 * otherwise also rename tables inside the views. Run it inside a transaction.
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

/** A user's own objects in the file: their views, and the names of their tables. */
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

/** Tables of a rebuild in progress, or of a killed one. */
function isRebuilds(name: string, ours: readonly string[]): boolean {
  return ours.some((own) => name === `${own}_next` || name === `${own}_old`);
}

/** Views with this prefix belong to this program, which drops those that its code no longer defines. */
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

/** Recreates all report views and stores their version. Run it inside a transaction. */
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

/** Recreates the views if the file has older ones. Never replaces newer views by older ones. */
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
