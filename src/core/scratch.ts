/**
 * A scratch database next to the live one, attached to the same connection. Its exclusive lock prevents two rebuilds at
 * the same time; the kernel releases it when a process dies. A table check folds the whole log into it.
 */

import { closeSync, fstatSync, openSync, rmSync, statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import type { EventLog } from './event-log.ts';
import { foldRange, makeTables } from './folding.ts';
import { BUSY_TIMEOUT_MS } from './limits.ts';
import type { Projection } from './projection.ts';
import { storageFault } from './storage-fault.ts';

/** Another process is rebuilding the same database. */
export class RebuildUnderWay extends Error {
  override name = 'RebuildUnderWay';
}

export interface Scratch {
  /**
   * Folds the next events of the log, up to `upTo`, into `scratch.<projection>` and `scratch.failures`.
   * @returns the last folded seq; unchanged if there was nothing more to fold
   */
  foldPiece(upTo: number): number;
  /** Detaches and removes the file, which releases the lock. */
  close(): void;
}

const CACHE_KIB = 64 * 1024;
/** Events folded in one transaction. Most subjects' events fit into one such piece, so their row is written once. */
const EVENTS_AT_ONCE = 5000;

/**
 * Attaches the scratch file as `scratch` and locks it.
 * @param path the scratch file; anything that a dead process left in it is dropped
 * @returns a function that detaches and removes the file, which releases the lock
 * @throws RebuildUnderWay
 */
export function lockScratch(database: Database, path: string): () => void {
  const inode = inodeOfNew(path);
  let isAttached = false;
  try {
    database.pragma('busy_timeout = 0'); // do not wait for the lock: if it is held, report that
    database.prepare('ATTACH ? AS scratch').run(path); // reads the file, so a held lock is already detected here
    isAttached = true;
    database.pragma('scratch.locking_mode = EXCLUSIVE');
    database.pragma('scratch.journal_mode = MEMORY');
    database.pragma('scratch.synchronous = OFF');
    database.pragma(`scratch.cache_size = -${CACHE_KIB}`);
    emptyScratch(database);
    // The previous holder may have removed the file after we opened it and before we locked it.
    if (statSync(path, { throwIfNoEntry: false })?.ino !== inode) throw underWay(path);
  } catch (error) {
    if (isAttached) database.exec('DETACH scratch');
    if (storageFault(error) !== 'busy') throw error;
    throw underWay(path, error);
  } finally {
    database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  }
  return () => {
    rmSync(path, { force: true });
    database.exec('DETACH scratch');
  };
}

/** @throws RebuildUnderWay */
export function openScratch(
  database: Database,
  path: string,
  projections: readonly Projection[],
  log: EventLog,
): Scratch {
  const close = lockScratch(database, path);
  const { tables, addFailure } = makeTables(database, 'scratch', projections);
  let applied = 0;

  const foldPiece = (upTo: number) => {
    const end = Math.min(upTo, applied + EVENTS_AT_ONCE);
    let before: number;
    do {
      before = applied;
      applied = foldRange(log, before, end, tables, addFailure).seq;
    } while (applied > before && applied < end);
    for (const table of tables) table.write(addFailure);
    return applied;
  };
  const inTransaction = database.transaction(foldPiece);

  return {
    // The caller may already be in a transaction, for a snapshot.
    foldPiece: (upTo) => (database.inTransaction ? foldPiece(upTo) : inTransaction(upTo)),
    close,
  };
}

function emptyScratch(database: Database): void {
  database.exec('CREATE TABLE IF NOT EXISTS scratch.lock (taken INTEGER)'); // the first write takes the lock
  database.exec('INSERT INTO scratch.lock VALUES (1)');
  const names = database.prepare("SELECT name FROM scratch.sqlite_master WHERE type = 'table'").pluck().all();
  for (const name of names) if (name !== 'lock') database.exec(`DROP TABLE scratch."${name}"`);
}

/** Creates the file with mode 0600 if it is missing: it will contain data from the log. */
function inodeOfNew(path: string): number {
  const descriptor = openSync(path, 'a', 0o600);
  try {
    return fstatSync(descriptor).ino;
  } finally {
    closeSync(descriptor);
  }
}

function underWay(path: string, cause?: unknown): RebuildUnderWay {
  return new RebuildUnderWay(`a rebuild is already in progress (${path} is locked): wait until it ends`, {
    cause,
  });
}
