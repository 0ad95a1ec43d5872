/**
 * Opens the database file: checks that it belongs to this program, sets and reads back the pragmas that durability
 * depends on, and creates the schema in an empty file. A file that is unreadable, or was written by another program
 * or a newer version, is refused and left unchanged. A file of an older schema is only read: update.ts updates it.
 */

import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import Sqlite, { type Database } from 'better-sqlite3';
import { refused } from '../../../core/engine-error.ts';
import {
  BUSY_TIMEOUT_MS,
  FILE_ATTEMPTS_MAX,
  FILE_RETRY_MS,
  WAL_CHECKPOINT_BYTES,
} from '../../../core/limits.ts';
import { makeFile, makeFolder } from '../../../core/private-files.ts';
import type { Derivations } from '../../../core/tables/projection.ts';
import { blockThread } from './block-thread.ts';
import { showCurrentSchema } from './older-schema.ts';
import { refusal, unusable } from './refusal.ts';
import { APPLICATION_ID, createTableSql, failuresTable, SCHEMA, SCHEMA_VERSION } from './schema.ts';
import { storageFault } from './storage-fault.ts';
import { createViews } from './views.ts';

/**
 * Creates the file (0600; its side files get the same mode) and its folder if they are missing. Call it before this
 * process has any connection to the file: closing a descriptor would drop SQLite's locks.
 * @throws EngineError if the path is not a file or cannot be created
 */
export function prepareDatabaseFile(path: string): void {
  let isFile: boolean;
  try {
    makeFolder(dirname(path));
    makeFile(path);
    isFile = statSync(path).isFile();
  } catch (error) {
    throw unusable(path, error, 'cannot be created', 'check that its folder exists and is writable');
  }
  if (!isFile) throw refused(`${path} is not a file: set DATABASE_URL to the path of a database file`);
}

/**
 * Opens the server's writing connection, or a rebuild's. Durable: WAL with `synchronous=FULL`, no automatic checkpoint.
 * @returns a connection that the caller must close
 * @throws EngineError
 */
export function openDatabase(path: string, derivations: Derivations): Database {
  return openWriting(path, (database) => {
    const version = schemaVersion(database, path);
    if (version !== undefined && version < SCHEMA_VERSION) {
      throw refused(
        `${path} was written by an older version of this program (schema ${version}, this one writes ${SCHEMA_VERSION}): start the server, which updates it`,
      );
    }
    setPragmas(database, path);
    if (version === undefined) createSchema(database, derivations);
  });
}

/**
 * Opens a file of any schema to change it into one of this code's schema, in one durable transaction. A file that is not
 * in WAL mode stays so.
 * @returns a connection that the caller must close
 * @throws EngineError
 */
export function openAnySchema(path: string): Database {
  return openWriting(path, (database) => {
    schemaVersion(database, path);
    database.pragma('synchronous = FULL');
    // A table of the user's may refer to one that is replaced. SQLite accepts this pragma only outside of a transaction.
    database.pragma('foreign_keys = OFF');
  });
}

function openWriting(path: string, prepare: (database: Database) => void): Database {
  let database: Database | undefined;
  try {
    database = new Sqlite(path, { timeout: BUSY_TIMEOUT_MS });
    prepare(database);
    return database;
  } catch (error) {
    database?.close();
    throw refusal(path, error);
  }
}

/**
 * Opens a read-only connection, for verification and reports. A file in WAL mode can be read even if this user cannot
 * write to its folder, provided that SQLite accepts URIs (`SQLITE_USE_URI=1` in the environment when it is loaded).
 * @throws EngineError, also if the file does not exist or contains no log yet
 */
export function openReadOnly(path: string): Database {
  try {
    try {
      return opened(path, path);
    } catch (error) {
      if (!isUntouchable(path, error)) throw error;
      return opened(`${pathToFileURL(path).href}?immutable=1`, path);
    }
  } catch (error) {
    throw refusal(path, error);
  }
}

function opened(name: string, path: string): Database {
  const database = new Sqlite(name, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    const version = schemaVersion(database, path);
    if (version === undefined) throw refused(`${path} is empty: start the server once to create the schema`);
    if (version < SCHEMA_VERSION) showCurrentSchema(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Whether opening failed only because SQLite cannot create its side files. The file can be read without them if there
 * is no WAL and this user cannot create one.
 */
function isUntouchable(path: string, error: unknown): boolean {
  const { code = '' } = error as { code?: string };
  if (!/^SQLITE_(CANTOPEN|READONLY)/.test(code) || existsSync(`${path}-wal`)) return false;
  try {
    accessSync(dirname(path), constants.W_OK);
    return false;
  } catch {
    return true;
  }
}

/** @returns undefined if the file is empty, so the schema must still be created */
function schemaVersion(database: Database, path: string): number | undefined {
  // In one snapshot: another process may be creating the schema at this moment.
  const { applicationId, version, tables } = database.transaction(() => ({
    tables: database.prepare('SELECT count(*) FROM sqlite_master').pluck().get(),
    applicationId: database.pragma('application_id', { simple: true }),
    version: database.pragma('user_version', { simple: true }) as number,
  }))();
  if (applicationId === 0 && version === 0 && tables === 0) return undefined;
  if (applicationId !== APPLICATION_ID) {
    throw refused(
      `${path} is a database of another program (application_id ${applicationId}, ${tables} objects): set DATABASE_URL to another file`,
    );
  }
  if (version > SCHEMA_VERSION) {
    throw refused(
      `${path} was written by a newer version of this program (schema ${version}, this one knows ${SCHEMA_VERSION}): update the program`,
    );
  }
  return version;
}

function setPragmas(database: Database, path: string): void {
  inWalMode(database);
  const wanted: Record<string, string | number> = {
    synchronous: 2,
    busy_timeout: BUSY_TIMEOUT_MS,
    wal_autocheckpoint: 0,
    trusted_schema: 0,
    journal_size_limit: WAL_CHECKPOINT_BYTES,
  };
  for (const [name, value] of Object.entries(wanted)) database.pragma(`${name} = ${value}`);
  // A fresh connection reports its own default until the file's header has been read.
  database.prepare('SELECT count(*) FROM sqlite_master').get();
  for (const [name, value] of Object.entries({ journal_mode: 'wal', ...wanted })) {
    const found = database.pragma(name, { simple: true });
    if (found !== value) {
      throw refused(
        `${path}: PRAGMA ${name} is ${found} instead of ${value}: SQLite would not write durably`,
      );
    }
  }
}

/** Two processes that start on the same new file can collide here: SQLite does not wait for this lock by itself. */
function inWalMode(database: Database): void {
  for (let attempt = 1; ; attempt++) {
    try {
      database.pragma('journal_mode = WAL');
      return;
    } catch (error) {
      if (storageFault(error) !== 'busy' || attempt === FILE_ATTEMPTS_MAX) throw error;
      blockThread(FILE_RETRY_MS);
    }
  }
}

function createSchema(database: Database, derivations: Derivations): void {
  const create = database.transaction(() => {
    if (database.pragma('user_version', { simple: true }) !== 0) return; // another process was first
    database.exec(SCHEMA);
    database.exec(failuresTable('failures'));
    const addState = database.prepare(
      'INSERT INTO projections (name, version, applied_seq) VALUES (?, ?, 0)',
    );
    for (const projection of derivations.projections) {
      database.exec(createTableSql(projection, projection.name));
      addState.run(projection.name, projection.version);
    }
    createViews(database, derivations);
    database.pragma(`application_id = ${APPLICATION_ID}`);
    database.pragma(`user_version = ${SCHEMA_VERSION}`);
  });
  create.immediate();
}
