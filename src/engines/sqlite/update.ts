/**
 * Updates a database file of an older schema, after making a backup of it: older code refuses the updated file, so the
 * backup is the way back. The process may be killed at any moment: the file is either the old one or the updated one,
 * and the next start continues. No other process can write meanwhile, so the backup contains the whole log.
 */

import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from 'better-sqlite3';
import { FILE_RETRY_MS } from '../../core/limits.ts';
import { openAnySchema } from './file/database.ts';
import { lockRebuild } from './file/file-lock.ts';
import { changeToCurrentSchema } from './file/older-schema.ts';
import { refusal } from './file/refusal.ts';
import { SCHEMA_VERSION } from './file/schema.ts';
import { storageFault } from './file/storage-fault.ts';
import { headOf } from './log/event-log.ts';
import { backUp } from './update-backup.ts';

/**
 * Waits while another process updates the file or rebuilds its tables. Call it before this process has any connection
 * to the file: closing a descriptor would drop SQLite's locks.
 * @param note gets lines for the operator
 * @throws EngineError: the file is still the old one, unless it was lost
 */
export async function updateSchema(path: string, note: (text: string) => void): Promise<void> {
  let database: Database | undefined;
  try {
    if (!mayBeOlder(path)) return;
    database = openAnySchema(path);
    if (!isOlder(database)) return;
    const unlock = await locked(database, path, note);
    try {
      if (isOlder(database)) await update(database, path, note);
      database.exec('COMMIT');
    } finally {
      unlock();
    }
  } catch (error) {
    throw refusal(path, error);
  } finally {
    database?.close();
  }
}

/** False in a file without a schema, too: openDatabase() creates it. */
function isOlder(database: Database): boolean {
  const version = versionOf(database);
  return version > 0 && version < SCHEMA_VERSION;
}

function versionOf(database: Database): number {
  return database.pragma('user_version', { simple: true }) as number;
}

async function update(database: Database, path: string, note: (text: string) => void): Promise<void> {
  const { seq } = headOf(database);
  if (seq > 0) await backUp(path, versionOf(database), seq, note);
  changeToCurrentSchema(database);
}

/** Where SQLite's file format has `user_version`. */
const VERSION_OFFSET = 60;

/** Reads the file's header, so that a file of this schema need not be opened, unless another header may be the valid one. */
function mayBeOlder(path: string): boolean {
  if (existsSync(`${path}-journal`)) return true;
  const version = Buffer.alloc(4);
  const descriptor = openSync(path, 'r');
  try {
    const length = readSync(descriptor, version, 0, version.length, VERSION_OFFSET);
    if (length === 0) return existsSync(`${path}-wal`);
    return version.readUInt32BE() !== SCHEMA_VERSION;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Begins the transaction of the update, when no other process can write. A rebuild by older code would replace
 * `failures` by a table of the old schema.
 * @returns a function that lets others rebuild
 */
async function locked(database: Database, path: string, note: (text: string) => void): Promise<() => void> {
  for (let isNoted = false; ; isNoted = true) {
    const unlock = lockRebuild(path);
    try {
      if (unlock !== undefined) {
        database.exec('BEGIN IMMEDIATE');
        return unlock;
      }
    } catch (error) {
      unlock?.();
      if (storageFault(error) !== 'busy') throw error;
    }
    if (!isNoted)
      note(`${path} has an older schema: waiting for another process that rebuilds, updates or locks it`);
    await pause(FILE_RETRY_MS);
  }
}
