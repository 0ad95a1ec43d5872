/** The writing connection of a running server: batches, checkpoints between them, and a last one when it closes. */

import type { Database } from 'better-sqlite3';
import type { BatchResult, EngineWriter } from '../../core/engine/engine.ts';
import { DRAIN_BUSY_TIMEOUT_MS, PROBE_BYTES } from '../../core/limits.ts';
import type { PreparedDelivery } from '../../core/tables/prepare.ts';
import type { Derivations } from '../../core/tables/projection.ts';
import { BatchAppender } from './append-batch.ts';
import { checkpointsOf, flushWal } from './file/checkpoints.ts';
import { openDatabase } from './file/database.ts';
import { FileMoved, openedFiles } from './file/opened-files.ts';
import { engineError, faultText, storageFault } from './file/storage-fault.ts';
import { updateViews } from './file/views.ts';

/**
 * @param path a file that prepareDatabaseFile() has made
 * @throws EngineError, and what SQLite throws
 */
export function openWriter(path: string, derivations: Derivations): EngineWriter {
  const database = openDatabase(path, derivations);
  // If a reader blocks the checkpoint, commit a small write instead: that fsyncs the whole WAL.
  if (!flushWal(database, path)) writeProbe(database);
  const checkFiles = openedFiles(path);
  const checkpoint = checkpointsOf(database, path);
  updateViews(database, derivations);
  const appender = new BatchAppender(database, derivations.projections);

  /** Turns errors into those that leave this engine, and saves what can be saved of a file that was moved. */
  async function atWriterEdge<T>(work: () => T): Promise<T> {
    try {
      return work();
    } catch (error) {
      if (error instanceof FileMoved && !error.isShared) saveMoved();
      throw engineError(error);
    }
  }

  /**
   * Moves the acknowledged events into the database file, wherever it is now, and empties the WAL. Otherwise the next
   * start could apply this WAL to another file at the same path.
   */
  function saveMoved(): void {
    try {
      database.pragma('wal_checkpoint(TRUNCATE)');
    } catch {
      // The file is reported as lost in either case.
    }
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
    append: (batch) => atWriterEdge(() => append(batch)),
    idle: () => atWriterEdge(checkpoint),
    probe: () =>
      atWriterEdge(() => {
        database.pragma('wal_checkpoint(PASSIVE)'); // lets a full WAL start over
        appender.transactions.write(() => writeProbe(database));
        checkFiles();
      }),
    drain() {
      appender.transactions.waitMaxMs = DRAIN_BUSY_TIMEOUT_MS;
    },
    close: () =>
      atWriterEdge(() => {
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
