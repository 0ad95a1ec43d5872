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
  const views = viewsOf(database);
  for (const { name } of views) database.exec(`DROP VIEW "${name}"`);
  work();
  createViews(database, derivations);
  for (const { name, sql } of views) if (!isOurs(name)) database.exec(sql);
}

/** The user's own objects in the file: their views, and the names of their tables. */
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
    views: viewsOf(database).filter(({ name }) => !isOurs(name)),
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

/** Views with this prefix belong to this program, which drops those that its code no longer defines. */
function isOurs(name: string): boolean {
  return name.startsWith('report_');
}

/** Recreates all report views and stores their version. Run it inside a transaction. */
export function createViews(database: Database, derivations: Derivations): void {
  for (const { name } of viewsOf(database)) if (isOurs(name)) database.exec(`DROP VIEW "${name}"`);
  for (const { name, sql } of derivations.views) database.exec(`CREATE VIEW ${name} AS ${sql}`);
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
