/**
 * Creates the views from code. Their version is stored with those of the projections, under the name `views`. A user's
 * own view or table is never replaced: where it has the name of a new view, that view is not created.
 */

import type { Database } from 'better-sqlite3';
import type { Derivations } from '../../../core/tables/projection.ts';

const STATE_NAME = 'views';
/** Is stored with the definition of a view, and distinguishes it from a user's view of the same name. */
const markOf = (name: string) => `/* irisx: ${name} */`;

interface StoredView {
  readonly name: string;
  readonly sql: string;
}

/**
 * Drops all views, runs `work`, and creates the views again: ours from code, the user's as they were. SQLite would
 * otherwise also rename tables inside the views. Run it inside a transaction.
 */
export function withoutViews(database: Database, derivations: Derivations, work: () => void): void {
  const views = viewsOf(database);
  for (const { name } of views) database.exec(`DROP VIEW "${name}"`);
  work();
  for (const view of views) if (!isOurs(view)) database.exec(view.sql);
  createViews(database, derivations);
}

/**
 * The user's own objects in the file: their views, and the names of their tables. The `sql` of a view creates it in
 * another file, instead of ours of that name.
 */
export function usersObjects(
  database: Database,
  { projections }: Derivations,
): { readonly views: readonly StoredView[]; readonly tables: readonly string[] } {
  const ours = ['events', 'failures', 'projections', 'storage_probe', ...projections.map(({ name }) => name)];
  // A rebuild in progress, or a killed one, has tables of its own.
  const known = new Set(ours.flatMap((name) => [name, `${name}_next`, `${name}_old`]));
  const tables = database
    .prepare<[], string>(
      "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .pluck()
    .all();
  return {
    views: viewsOf(database)
      .filter((view) => !isOurs(view))
      .map(({ name, sql }) => ({ name, sql: `DROP VIEW IF EXISTS "${name}"; ${sql}` })),
    tables: tables.filter((name) => !known.has(name)),
  };
}

/** All views except `events_json`, which belongs to the schema. */
function viewsOf(database: Database): StoredView[] {
  return database
    .prepare<[], StoredView>(
      "SELECT name, sql FROM main.sqlite_master WHERE type = 'view' AND name <> 'events_json'",
    )
    .all();
}

/**
 * Views with the prefix `report_` belong to this program, and so do those that it has created. It drops them if its code
 * no longer defines them.
 */
function isOurs({ name, sql }: StoredView): boolean {
  return name.startsWith('report_') || sql.includes(markOf(name));
}

/** Recreates all views from code and stores their version. Run it inside a transaction. */
export function createViews(database: Database, derivations: Derivations): void {
  for (const view of viewsOf(database)) if (isOurs(view)) database.exec(`DROP VIEW "${view.name}"`);
  const isTaken = database.prepare('SELECT 1 FROM main.sqlite_master WHERE name = ? COLLATE NOCASE').pluck();
  for (const { name, sql } of derivations.views)
    if (isTaken.get(name) === undefined) database.exec(`CREATE VIEW ${name} AS ${markOf(name)} ${sql}`);
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
