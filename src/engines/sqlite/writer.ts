/** The writing connection of a running server: batches, checkpoints between them, and a last one when it closes. */

import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import type { BatchResult, EngineWriter } from '../../core/engine/engine.ts';
import { EngineError } from '../../core/engine-error.ts';
import { DRAIN_BUSY_TIMEOUT_MS, PROBE_BYTES } from '../../core/limits.ts';
import type { PreparedDelivery } from '../../core/tables/prepare.ts';
import type { Derivations } from '../../core/tables/projection.ts';
import { BatchAppender } from './append-batch.ts';
import { checkpointsOf, flushWal } from './file/checkpoints.ts';
import { openDatabase } from './file/database.ts';
import { atEdge, faultText, storageFault } from './file/storage-fault.ts';
import { updateViews } from './file/views.ts';

/**
 * @param path a file that prepareDatabaseFile() has made
 * @throws EngineError, and what SQLite throws
 */
export function openWriter(path: string, derivations: Derivations): EngineWriter {
  const database = openDatabase(path, derivations);
  // If a reader blocks the checkpoint, commit a small write instead: that fsyncs the whole WAL.
  if (!flushWal(database, path)) writeProbe(database);
  const findMoved = movedFiles(path);
  const checkpoint = checkpointsOf(database, path);
  updateViews(database, derivations);
  const appender = new BatchAppender(database, derivations.projections);

  /** @throws EngineError `lost` if a file of the database was moved, after saving what can be saved */
  function checkFiles(): void {
    const moved = findMoved();
    if (moved === undefined) return;
    try {
      // Moves the acknowledged events into the database file, wherever it is now, and empties the WAL. Otherwise the
      // next start could apply this WAL to another file at the same path.
      if (!moved.isShared) database.pragma('wal_checkpoint(TRUNCATE)');
    } catch {
      // The file is lost in either case.
    }
    throw new EngineError('lost', moved.text);
  }

  /** Appends, and checks in any case whether the file was moved: nobody would look for events there. */
  function append(batch: readonly PreparedDelivery[]): BatchResult {
    let result: BatchResult;
    try {
      result = appender.append(batch);
    } catch (error) {
      if (storageFault(error) !== 'lost') checkFiles();
      throw error;
    }
    checkFiles();
    return result;
  }

  return {
    append: (batch) => atEdge(() => append(batch)),
    idle: () => atEdge(checkpoint),
    probe: () =>
      atEdge(() => {
        database.pragma('wal_checkpoint(PASSIVE)'); // lets a full WAL start over
        appender.transactions.write(() => writeProbe(database));
        checkFiles();
      }),
    drain() {
      appender.transactions.waitMaxMs = DRAIN_BUSY_TIMEOUT_MS;
    },
    close: () =>
      atEdge(() => {
        checkFiles(); // SQLite removes side files by name, which could hit another database's files
        const head = appender.head();
        database.pragma(`busy_timeout = ${appender.transactions.waitMaxMs}`);
        try {
          database.pragma('wal_checkpoint(TRUNCATE)');
          database.close();
          return { head, problem: undefined };
        } catch (error) {
          if (storageFault(error) === 'lost') throw error;
          return { head, problem: faultText(error) };
        }
      }),
  };
}

function writeProbe(database: Database): void {
  database
    .prepare(
      `INSERT INTO storage_probe (id, tried_at, filler) VALUES (1, unixepoch(), randomblob(${PROBE_BYTES}))
       ON CONFLICT (id) DO UPDATE SET tried_at = excluded.tried_at, filler = excluded.filler`,
    )
    .run();
}

interface MovedFile {
  readonly text: string;
  /** Whether another process has created its own side file for the same database and may be writing to both. */
  readonly isShared: boolean;
}

/**
 * Finds out whether the files of an open database are still the ones at its path. SQLite keeps writing to a file that
 * has been moved, replaced or deleted, and nobody would look for events there.
 * @param databasePath just opened, in WAL mode
 * @returns a function that checks again, which takes about 10 µs
 */
function movedFiles(databasePath: string): () => MovedFile | undefined {
  const paths = ['-shm', '-wal', ''].map((suffix) => databasePath + suffix);
  /** Numbers that no other file can have while this one is open. */
  const fileAt = (path: string) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found && `${found.dev}:${found.ino}`;
  };
  const opened = paths.map(fileAt);
  return () => {
    for (const [index, path] of paths.entries()) {
      try {
        const found = fileAt(path);
        if (found === opened[index]) continue;
        const isShared = path !== databasePath && found !== undefined;
        return { text: `${path} was moved, replaced or deleted while it was open`, isShared };
      } catch {
        return { text: `${path} could no longer be checked while it was open`, isShared: false };
      }
    }
    return undefined;
  };
}
