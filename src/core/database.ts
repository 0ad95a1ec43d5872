/**
 * Opens the database file: checks that it is ours, sets and reads back the pragmas that the promise rests on,
 * and creates the schema in an empty file. A foreign, newer or unreadable file is refused and left untouched.
 */

import { accessSync, closeSync, constants, existsSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import Sqlite, { type Database } from 'better-sqlite3';
import { addonProblem } from './addon-problem.ts';
import { BUSY_TIMEOUT_MS, WAL_CHECKPOINT_BYTES } from './limits.ts';
import { makeFolder } from './make-folder.ts';
import type { Derivations } from './projection.ts';
import { createTableSql } from './projection-table.ts';
import { APPLICATION_ID, failuresTable, SCHEMA, SCHEMA_VERSION } from './schema.ts';
import { faultText, storageFault } from './storage-fault.ts';
import { createViews } from './views.ts';

/** The file cannot be used. `message` is one line for the operator: what, where, and what to do. */
export class DatabaseRefused extends Error {
  override name = 'DatabaseRefused';
}

const RETRIES_MAX = 20;
const RETRY_MS = 100;

/**
 * Makes the file (0600; its side files follow) and its folder where they are missing. Call it before any
 * connection to the file exists in this process: closing a descriptor would drop SQLite's locks.
 * @throws DatabaseRefused if the path is a directory or cannot be made
 */
export function prepareDatabaseFile(path: string): void {
  try {
    makeFolder(dirname(path));
    if (statSync(path, { throwIfNoEntry: false }) === undefined) closeSync(openSync(path, 'ax', 0o600));
  } catch (error) {
    const isMadeByAnother = (error as NodeJS.ErrnoException).code === 'EEXIST' && existsSync(path);
    if (!isMadeByAnother)
      throw refused(path, error, 'cannot be created', 'check that its folder exists and is writable');
  }
  if (!statSync(path).isFile()) {
    throw new DatabaseRefused(`${path} is not a file: set DATABASE_URL to the path of a database file`);
  }
}

/**
 * Opens the one writing connection, or a rebuild's. Durable: WAL with `synchronous=FULL`, no automatic checkpoint.
 * @returns a connection that the caller must close
 * @throws DatabaseRefused
 */
export function openDatabase(path: string, derivations: Derivations): Database {
  let database: Database | undefined;
  try {
    database = new Sqlite(path, { timeout: BUSY_TIMEOUT_MS });
    const isNew = checkMarks(database, path);
    setPragmas(database, path);
    if (isNew) createSchema(database, derivations);
    return database;
  } catch (error) {
    database?.close();
    throw refusal(path, error);
  }
}

/**
 * A process that was killed before its fsync, or because that failed, leaves events that can be read and may never
 * reach the disk; a repetition of one would be acknowledged without a write. A checkpoint writes them anew.
 * @returns whether all that can be read is fsynced; false where another process's reading held the checkpoint up
 * @throws DatabaseRefused
 */
export function settleWal(database: Database, path: string): boolean {
  try {
    for (let attempt = 1; attempt <= RETRIES_MAX; attempt++) {
      const { busy, log, checkpointed } = checkpointState(database);
      if (busy === 0) return log === checkpointed;
      waitForAnother(); // it is in a checkpoint itself
    }
    return false;
  } catch (error) {
    throw refusal(path, error);
  }
}

/** Runs a passive checkpoint. @returns frames in the WAL and frames of them in the database file */
export function checkpointState(database: Database): { busy: number; log: number; checkpointed: number } {
  const [state] = database.pragma('wal_checkpoint(PASSIVE)') as {
    busy: number;
    log: number;
    checkpointed: number;
  }[];
  return state ?? { busy: 1, log: 0, checkpointed: 0 };
}

/**
 * Opens a connection that cannot write, for verification and reports. A file in WAL mode can be read even in a folder
 * in which SQLite may not make its side files, provided that SQLite takes URIs (`SQLITE_USE_URI=1` when it is loaded).
 * @throws DatabaseRefused, also when the file does not exist or holds no log yet
 */
export function openReadOnly(path: string): Database {
  try {
    return opened(path, path);
  } catch (error) {
    if (!isUntouchable(path, error)) throw refusal(path, error);
  }
  try {
    return opened(`${pathToFileURL(path).href}?immutable=1`, path);
  } catch (error) {
    throw refusal(path, error);
  }
}

function opened(name: string, path: string): Database {
  const database = new Sqlite(name, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    if (checkMarks(database, path))
      throw new DatabaseRefused(`${path} is empty: start the server once to make it`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Whether SQLite could not make its side files and the file cannot change while it is read: nothing is in a WAL, and
 * this user can put nothing there.
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

/** @returns whether the file is empty, so that the schema has yet to be made */
function checkMarks(database: Database, path: string): boolean {
  // In one snapshot: another process may be making the schema just now.
  const { applicationId, version, tables } = database.transaction(() => ({
    tables: database.prepare('SELECT count(*) FROM sqlite_master').pluck().get(),
    applicationId: database.pragma('application_id', { simple: true }),
    version: database.pragma('user_version', { simple: true }) as number,
  }))();
  if (applicationId === 0 && version === 0 && tables === 0) return true;
  if (applicationId !== APPLICATION_ID) {
    throw new DatabaseRefused(
      `${path} is a database of another program (application_id ${applicationId}, ${tables} objects): set DATABASE_URL to a file of its own`,
    );
  }
  if (version > SCHEMA_VERSION) {
    throw new DatabaseRefused(
      `${path} was written by a newer version of this program (schema ${version}, this one knows ${SCHEMA_VERSION}): update the program`,
    );
  }
  return false;
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
      throw new DatabaseRefused(
        `${path}: PRAGMA ${name} is ${found} instead of ${value}: SQLite would not keep the promise`,
      );
    }
  }
}

/** Two processes that start on one new file meet here, and SQLite does not wait for this lock by itself. */
function inWalMode(database: Database): void {
  for (let attempt = 1; ; attempt++) {
    try {
      database.pragma('journal_mode = WAL');
      return;
    } catch (error) {
      if (storageFault(error) !== 'busy' || attempt === RETRIES_MAX) throw error;
      waitForAnother();
    }
  }
}

function waitForAnother(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
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

function refusal(path: string, error: unknown): DatabaseRefused {
  if (error instanceof DatabaseRefused) return error;
  const addon = addonProblem(error);
  if (addon !== undefined) return new DatabaseRefused(addon, { cause: error });
  const code = (error as { code?: string }).code ?? '';
  if (code === 'SQLITE_NOTADB') {
    return refused(
      path,
      error,
      'is not a SQLite database',
      'set DATABASE_URL to another path, or restore the file from a backup',
    );
  }
  if (code.startsWith('SQLITE_CORRUPT')) {
    return refused(
      path,
      error,
      'is damaged',
      'restore it from a backup, or see what `sqlite3 FILE .recover` saves',
    );
  }
  if (code === 'SQLITE_IOERR_SHMSIZE' || code === 'SQLITE_FULL') {
    return refused(path, error, 'cannot be opened: the disk is full', 'free some space');
  }
  if (code.startsWith('SQLITE_READONLY')) {
    return refused(path, error, 'is read-only', 'make the file and its folder writable for this user');
  }
  if (code.startsWith('SQLITE_IOERR')) {
    return refused(path, error, 'cannot be read or written', 'see what the system log says of its disk');
  }
  if (storageFault(error) === 'busy') {
    return refused(path, error, 'is locked by another process', 'end that process, or try again');
  }
  return refused(
    path,
    error,
    'cannot be opened',
    'check that the file and its folder are readable and writable for this user',
  );
}

function refused(path: string, error: unknown, what: string, hint: string): DatabaseRefused {
  return new DatabaseRefused(`${path} ${what}: ${hint} (${faultText(error)})`, { cause: error });
}
