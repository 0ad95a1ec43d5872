/** The state file of the handlers: its path, its identifying marks and its schema. */

import { dirname, join } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import { EngineError, refused } from '../../core/engine-error.ts';
import { BUSY_TIMEOUT_MS } from '../../core/limits.ts';
import { makeFile } from '../../core/private-files.ts';
import { hasColumn } from './file/schema.ts';
import { faultText } from './file/storage-fault.ts';

/** "IRSH" in ASCII. */
const APPLICATION_ID = 0x49525348;
const SCHEMA_VERSION = 1;
const FILE_NAME = 'handlers.db';

const SCHEMA = `
CREATE TABLE consumers (
  name          TEXT    NOT NULL UNIQUE,
  settled_seq   INTEGER NOT NULL,
  settled_chain BLOB    NOT NULL,
  generation    INTEGER NOT NULL
) STRICT;

CREATE TABLE failed_runs (
  consumer     TEXT    NOT NULL,
  seq          INTEGER NOT NULL,
  attempts     INTEGER NOT NULL,
  error        TEXT    NOT NULL,
  failed_at_ms INTEGER NOT NULL,
  next_at_ms   INTEGER,
  is_alone     INTEGER NOT NULL, -- only for earlier code
  UNIQUE (consumer, seq)
) STRICT;
`;

/** Columns that the first version did not have. Its code ignores them, so the schema's version is unchanged. */
const ADDED_COLUMNS = [
  ['consumers', 'state', "TEXT NOT NULL DEFAULT 'stopped'"],
  ['consumers', 'ran_at_ms', 'INTEGER'],
  ['failed_runs', 'subject', 'TEXT'],
  ['failed_runs', 'is_blocked', 'INTEGER NOT NULL DEFAULT 0'],
] as const;

/** A subject can have very many blocked events: no query may read them all. */
const INDEXES = `
DROP INDEX IF EXISTS failed_runs_by_time;
CREATE INDEX IF NOT EXISTS failed_runs_due
  ON failed_runs (consumer, next_at_ms) WHERE is_blocked = 0 AND next_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS failed_runs_by_subject
  ON failed_runs (consumer, subject, seq) WHERE next_at_ms IS NOT NULL;
`;

/** The state file of a log, in the same folder. */
export function runStorePath(databasePath: string): string {
  return join(dirname(databasePath), FILE_NAME);
}

/** The lock file. The process that holds the lock runs the handlers of the log. */
export function runStoreLockPath(databasePath: string): string {
  return `${runStorePath(databasePath)}-lock`;
}

/**
 * Opens the file, and creates it (0600) if it is missing.
 * @returns a connection that the caller must close
 * @throws EngineError `refused` if the file is another program's, newer or unusable; it is left unchanged
 */
export function openRunStoreFile(path: string): Database {
  let database: Database | undefined;
  try {
    makeFile(path);
    database = new Sqlite(path, { timeout: BUSY_TIMEOUT_MS });
    const id = database.pragma('application_id', { simple: true });
    const version = database.pragma('user_version', { simple: true }) as number;
    const tables = database.prepare('SELECT count(*) FROM sqlite_master').pluck().get();
    if (id !== APPLICATION_ID && (id !== 0 || tables !== 0))
      throw refused(`${path} is a database of another program: move it away`);
    if (version > SCHEMA_VERSION)
      throw refused(`${path} was written by a newer version of this program: update the program`);
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = NORMAL');
    createSchema(database);
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof EngineError) throw error;
    throw refused(`${path} cannot be used as the state file of the handlers: ${faultText(error)}`, error);
  }
}

/** Creates what a new file or one of earlier code lacks. */
function createSchema(database: Database): void {
  database
    .transaction(() => {
      if (database.pragma('user_version', { simple: true }) === 0) {
        database.exec(SCHEMA);
        database.pragma(`application_id = ${APPLICATION_ID}`);
        database.pragma(`user_version = ${SCHEMA_VERSION}`);
      }
      for (const [table, column, definition] of ADDED_COLUMNS) {
        if (!hasColumn(database, table, column))
          database.exec(`ALTER TABLE ${table} ADD COLUMN ${column} ${definition}`);
      }
      database.exec(INDEXES);
    })
    .immediate();
}
