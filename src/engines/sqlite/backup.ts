/**
 * Copies the log into a separate file while the server keeps running. Each event is checked against its chain link;
 * then the tables are rebuilt from the copy. Reads are short, so the writer does not wait and the WAL does not grow.
 * The file gets the backup's name only after it has been checked completely and fsynced.
 */

import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import Sqlite, { type Database } from 'better-sqlite3';
import type { BackupOptions, BackupResult } from '../../core/engine/engine.ts';
import { EngineError, engineFault } from '../../core/engine-error.ts';
import { CHAIN_GENESIS } from '../../core/event/chain.ts';
import type { Head, StoredEvent } from '../../core/event/recorded-event.ts';
import { linkProblem, verifyLog } from '../../core/inspect/verify-log.ts';
import { BUSY_TIMEOUT_MS } from '../../core/limits.ts';
import { IRISX } from '../../core/packaging.ts';
import { makeFile, syncFile, syncFolder } from '../../core/private-files.ts';
import type { Derivations } from '../../core/tables/projection.ts';
import { openDatabase, openReadOnly, prepareDatabaseFile } from './file/database.ts';
import { lockFile } from './file/file-lock.ts';
import { engineError, faultText } from './file/storage-fault.ts';
import { usersObjects } from './file/views.ts';
import { headOf, insertEvent, knownEvent, storedEvents } from './log/event-log.ts';
import { createReader } from './reader.ts';
import { checkTables } from './rebuild/compare.ts';
import { rebuild } from './rebuild/rebuild.ts';
import { runStorePath } from './run-store-file.ts';

/**
 * @returns when the backup is complete, checked and fsynced
 * @throws EngineError `refused`: the backup was not made; the message says why, and partial files have been removed
 */
export async function backup(
  databasePath: string,
  derivations: Derivations,
  { targetPath, onProgress }: BackupOptions,
): Promise<BackupResult> {
  const handlersPath = `${targetPath}.handlers`;
  const folder = dirname(targetPath);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw refused(`the folder ${folder} does not exist: create it, or choose another name`);

  const partialPath = `${targetPath}.partial`;
  const partialHandlersPath = `${handlersPath}.partial`;
  const unlock = locked(`${partialPath}-lock`, targetPath);
  try {
    for (const path of [targetPath, handlersPath])
      if (existsSync(path))
        throw refused(`${path} already exists: choose another name, or move the file away`);
    removeFiles(partialPath, partialHandlersPath); // left by a killed backup
    const hasHandlers = await copyHandlers(runStorePath(databasePath), partialHandlersPath);
    const copied = await copyAndCheck(databasePath, derivations, onProgress, partialPath);
    if (hasHandlers) syncFile(partialHandlersPath);
    syncFile(partialPath);
    if (hasHandlers) renameSync(partialHandlersPath, handlersPath);
    renameSync(partialPath, targetPath);
    syncFolder(folder);
    return { ...copied, runsPath: hasHandlers ? handlersPath : undefined };
  } catch (error) {
    throw refusal(error, targetPath);
  } finally {
    removeFiles(partialPath, partialHandlersPath);
    removeFiles(`${partialPath}-lock`);
    unlock();
  }
}

/** What this file refuses by itself: other errors get a message that says that the backup failed. */
class BackupRefused extends EngineError {}

function refused(text: string, cause?: unknown): BackupRefused {
  return new BackupRefused('refused', text, { cause });
}

function locked(lockPath: string, targetPath: string): () => void {
  try {
    const unlock = lockFile(lockPath);
    if (unlock !== undefined) return unlock;
  } catch (error) {
    throw refused(`${targetPath} cannot be written: ${faultText(error)}`, error);
  }
  throw refused(`another backup to ${targetPath} is in progress: wait until it ends`);
}

async function copyAndCheck(
  databasePath: string,
  derivations: Derivations,
  onProgress: BackupOptions['onProgress'],
  partialPath: string,
): Promise<Pick<BackupResult, 'head' | 'leftOut'>> {
  const leftOut = await closing(openReadOnly(databasePath), (source) => {
    prepareDatabaseFile(partialPath);
    return closing(openDatabase(partialPath, derivations), async (copy) => {
      copy.pragma('synchronous = OFF'); // syncFile() syncs the whole file before it is renamed
      await copyEvents(source, copy, onProgress);
      // The user's tables are only named, since their content may be inconsistent with the log.
      const { views, tables } = usersObjects(source, derivations);
      for (const { sql } of views) copy.exec(sql);
      return tables;
    });
  });
  await rebuild(partialPath, derivations, {
    projections: derivations.projections,
    onProgress: (_, done, total) => onProgress('tables', done, total),
  });
  const head = await check(partialPath, derivations, onProgress);
  // Without WAL mode there are no side files, which would have to be moved together with the database.
  await closing(openDatabase(partialPath, derivations), (copy) => copy.pragma('journal_mode = DELETE'));
  return { head, leftOut };
}

async function closing<T>(database: Database, work: (database: Database) => T | Promise<T>): Promise<T> {
  try {
    return await work(database);
  } finally {
    database.close();
  }
}

/** Copies up to the head, including events that arrive meanwhile. */
async function copyEvents(
  source: Database,
  copy: Database,
  onProgress: BackupOptions['onProgress'],
): Promise<void> {
  let head: Head = { seq: 0, chain: CHAIN_GENESIS };
  const copyPiece = copy.transaction((): number => {
    const events = storedAfter(source, head);
    for (const event of events) {
      if (event.seq !== head.seq + 1) throw damaged(head.seq + 1, 'it is missing');
      const problem = linkProblem(event, head.chain);
      if (problem !== undefined) throw damaged(event.seq, problem);
      const first = knownEvent(copy, event.body_time_ms, event.body_sha256);
      if (first !== undefined) throw damaged(event.seq, `its body is that of seq ${first.seq}`);
      insertEvent(copy, event);
      head = { seq: event.seq, chain: event.chain };
    }
    return events.length;
  });
  while (copyPiece() > 0) {
    onProgress('copying', head.seq, headOf(source).seq);
    await setImmediate(); // lets a signal stop the backup here
  }
}

function storedAfter(source: Database, { seq }: Head): StoredEvent[] {
  try {
    return storedEvents(source, seq);
  } catch (error) {
    throw damaged(seq + 1, `the log cannot be read from here on: ${faultText(error)}`);
  }
}

function damaged(seq: number, reason: string): EngineError {
  return refused(
    `the log is damaged: seq ${seq}: ${reason}; keep the last good backup and run \`${IRISX} verify\` for a full report`,
  );
}

async function check(
  partialPath: string,
  derivations: Derivations,
  onProgress: BackupOptions['onProgress'],
): Promise<Head> {
  const copy = createReader(openReadOnly(partialPath), derivations.projections);
  try {
    const [problem] = await copy.damage();
    if (problem !== undefined) throw new Error(`SQLite finds the copy damaged: ${problem}`);
    const { head, sequence, chain } = await verifyLog(copy, [], (done, total) =>
      onProgress('checking', done, 2 * total),
    );
    const fault = sequence ?? chain;
    if (fault !== undefined) throw new Error(`the copy is damaged: seq ${fault.firstSeq}: ${fault.reason}`);
    const { checks } = checkTables(partialPath, derivations, (done, total) =>
      onProgress('checking', total + done, 2 * total),
    );
    const wrong = checks.filter(({ differenceCount }) => differenceCount > 0).map(({ name }) => name);
    if (wrong.length > 0) throw new Error(`tables of the copy differ from its log: ${wrong.join(', ')}`);
    return head;
  } finally {
    await copy.close();
  }
}

/** Must be called before the events are copied, so that no position is beyond them. @returns whether there is any state */
async function copyHandlers(path: string, partialPath: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  makeFile(partialPath); // 0600; VACUUM INTO accepts an empty file
  await closing(new Sqlite(path, { readonly: true, timeout: BUSY_TIMEOUT_MS }), (database) =>
    database.prepare('VACUUM INTO ?').run(partialPath),
  );
  return true;
}

function removeFiles(...paths: readonly string[]): void {
  for (const path of paths)
    for (const suffix of ['', '-wal', '-shm', '-journal', '-rebuild']) rmSync(path + suffix, { force: true });
}

function refusal(error: unknown, targetPath: string): Error {
  if (error instanceof BackupRefused) return error;
  const isFull = engineFault(engineError(error)) === 'full';
  return refused(
    isFull
      ? `the disk is full: a backup is about as large as the database; choose another place than ${targetPath}`
      : `the backup failed: ${faultText(error)}`,
    error,
  );
}
