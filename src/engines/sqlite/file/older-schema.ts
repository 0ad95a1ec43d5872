/**
 * Files of schema 1: there, `failures` had no column `field`, and at most one failure per event and stage. All of them
 * were about whole events.
 */

import type { Database } from 'better-sqlite3';
import { failuresTable, SCHEMA_VERSION } from './schema.ts';

/** Lets a read-only connection read such a file like one of this code's schema. The file does not change. */
export function showCurrentSchema(database: Database): void {
  database.exec("CREATE TEMP VIEW failures AS SELECT seq, stage, '' AS field, error FROM main.failures");
}

/** Removes what showCurrentSchema() has made, so that a temporary table can have the name. */
export function hideCurrentSchema(database: Database): void {
  database.exec('DROP VIEW IF EXISTS temp.failures');
}

/**
 * Changes such a file into one of this code's schema, within the caller's transaction. No table is renamed, because
 * SQLite would then change, or refuse, the user's own views. Leftovers of a killed rebuild stay: the next one removes them.
 */
export function changeToCurrentSchema(database: Database): void {
  database.exec('CREATE TEMP TABLE old_failures AS SELECT seq, stage, error FROM main.failures');
  database.exec('DROP TABLE main.failures');
  database.exec(failuresTable('main.failures'));
  database.exec(
    `INSERT INTO main.failures (seq, stage, field, error)
     SELECT seq, stage, '', error FROM temp.old_failures ORDER BY rowid`,
  );
  database.exec('DROP TABLE temp.old_failures');
  database.pragma(`user_version = ${SCHEMA_VERSION}`);
}
