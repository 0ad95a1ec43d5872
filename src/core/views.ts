/**
 * Makes the report views from code. Their version stands beside those of the projections, under a name of its own.
 */

import type { Database } from 'better-sqlite3';
import type { Derivations } from './projection.ts';

const STATE_NAME = 'views';

/** Drops every report view: SQLite refuses to rename a table that a view names. Run it inside a transaction. */
export function dropViews(database: Database): void {
  const names = database
    .prepare("SELECT name FROM sqlite_master WHERE type = 'view' AND name <> 'events_json'")
    .pluck()
    .all();
  for (const name of names) database.exec(`DROP VIEW "${name}"`);
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
