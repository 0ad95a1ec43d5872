/**
 * The writer thread owns the only writing connection, commits one batch at a time, and reports an outcome for each
 * delivery. It checkpoints after the outcomes have been sent. If the outcome of a commit is unknown, it reports that
 * once and never touches the file again. It does not report success for a file that was moved away.
 */

import type { MessagePort } from 'node:worker_threads';
import type { Database } from 'better-sqlite3';
import { BatchAppender } from '../../engines/sqlite/append-batch.ts';
import { checkpointsOf } from '../../engines/sqlite/file/checkpoints.ts';
import { DatabaseRefused, openDatabase, settleWal } from '../../engines/sqlite/file/database.ts';
import { FileMoved, openedFiles } from '../../engines/sqlite/file/opened-files.ts';
import { faultText, storageFault } from '../../engines/sqlite/file/storage-fault.ts';
import { updateViews } from '../../engines/sqlite/log/views.ts';
import { DRAIN_BUSY_TIMEOUT_MS, STORAGE_RETRY_MS } from '../limits.ts';
import type { Derivations } from '../tables/projection.ts';
import { appendHalving } from './append-halving.ts';
import {
  type FromWriter,
  packOutcomes,
  type ToWriter,
  unpackBatch,
  type WriterHead,
} from './writer-messages.ts';

const PROBE_BYTES = 32 * 1024;

/**
 * Opens the database and serves batches until `close` or a lost file.
 * @param databasePath the file, prepared by prepareDatabaseFile()
 */
export function runWriter(port: MessagePort, databasePath: string, derivations: Derivations): void {
  const send = (message: FromWriter) => port.postMessage(message);
  let isClosed = false;
  let isCatchingUp = false;
  let isDraining = false;
  let database: Database;
  let appender: BatchAppender;
  let checkFiles: () => void;
  let checkpoint: () => string | undefined;
  try {
    database = openDatabase(databasePath, derivations);
    // If a reader blocks the checkpoint, commit a small write instead: that fsyncs the whole WAL.
    if (!settleWal(database, databasePath)) writeProbe(database);
    checkFiles = openedFiles(databasePath);
    checkpoint = checkpointsOf(database, databasePath);
    updateViews(database, derivations);
    appender = new BatchAppender(database, derivations);
    const { lagging, isBehind, defect } = appender.append([]);
    send({ kind: 'ready', head: headOf(appender), lagging });
    if (defect !== undefined) send({ kind: 'defect', text: defect });
    if (isBehind) catchUpSoon();
  } catch (error) {
    const text =
      error instanceof DatabaseRefused
        ? error.message
        : `${databasePath} cannot be used: ${faultText(error)}`;
    send({ kind: 'cannot-open', text });
    port.close();
    return;
  }

  let failing: NodeJS.Timeout | undefined;

  port.on('message', (message: ToWriter) => {
    if (message.kind === 'close') return close();
    if (message.kind === 'drain') return drain();
    if (!isDraining && Atomics.load(message.isDraining, 0) === 1) drain();
    const startMs = performance.now();
    try {
      const { outcomes, tables, fault, defects } = appendHalving(appender, unpackBatch(message.batch));
      const ms = performance.now() - startMs;
      checkFiles();
      if (fault !== undefined) send({ kind: 'failing', fault: fault.kind, text: fault.text });
      send({ kind: 'answered', outcomes: packOutcomes(outcomes), lagging: tables?.lagging, ms });
      for (const text of defects) send({ kind: 'defect', text });
      if (tables?.defect !== undefined) send({ kind: 'defect', text: tables.defect });
      if (tables?.isBehind === true) catchUpSoon();
      // A duplicate writes nothing, so it does not prove that storage works.
      const hasWritten = outcomes.some((outcome) => outcome.kind === 'recorded' && !outcome.duplicate);
      if (fault !== undefined) retryLater();
      else if (hasWritten) recovered();
    } catch (error) {
      if (storageFault(error) === 'lost') return lost(error);
      send({ kind: 'defect', text: `the state of the tables could not be read: ${faultText(error)}` });
      const ms = performance.now() - startMs;
      send({ kind: 'answered', outcomes: packOutcomes([]), lagging: undefined, ms });
      return;
    }
    checkpointIfLarge();
  });

  /** Stops long waits for another process's lock, and stops the recovery checks. */
  function drain(): void {
    isDraining = true;
    clearTimeout(failing);
    appender.transactions.waitMaxMs = DRAIN_BUSY_TIMEOUT_MS;
  }

  function catchUpSoon(): void {
    if (!isCatchingUp) setImmediate(catchUp);
    isCatchingUp = true;
  }

  /** Folds events that a process with other code did not fold, a piece at a time between batches. */
  function catchUp(): void {
    isCatchingUp = false;
    if (isClosed) return;
    try {
      const { lagging, isBehind, defect } = appender.append([]);
      if (defect !== undefined) send({ kind: 'defect', text: defect });
      if (isBehind) catchUpSoon();
      else send({ kind: 'lagging', lagging });
    } catch (error) {
      if (storageFault(error) === 'lost') return lost(error);
      send({
        kind: 'warning',
        text: `a table could not be brought up to date; the next delivery tries again: ${faultText(error)}`,
      });
    }
  }

  /** While storage fails, tries a small real write every second to detect recovery. */
  function retryLater(): void {
    if (isDraining) return;
    failing ??= setTimeout(() => {
      failing = undefined;
      try {
        database.pragma('wal_checkpoint(PASSIVE)'); // lets a full WAL start over
        appender.transactions.run(() => writeProbe(database));
        send({ kind: 'recovered' });
      } catch (error) {
        if (storageFault(error) === 'lost') return lost(error);
        retryLater();
      }
    }, STORAGE_RETRY_MS);
  }

  function recovered(): void {
    if (failing === undefined) return;
    clearTimeout(failing);
    failing = undefined;
    send({ kind: 'recovered' });
  }

  function checkpointIfLarge(): void {
    try {
      const problem = checkpoint();
      if (problem !== undefined) send({ kind: 'warning', text: problem });
    } catch (error) {
      lost(error);
    }
  }

  function lost(error: unknown): void {
    isClosed = true;
    clearTimeout(failing);
    port.removeAllListeners('message');
    if (error instanceof FileMoved && !error.isShared) saveMoved();
    send({ kind: 'lost', text: faultText(error) });
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

  function close(): void {
    isClosed = true;
    clearTimeout(failing);
    try {
      checkFiles(); // SQLite removes side files by name, which could hit another database's files
      const head = headOf(appender);
      database.pragma(`busy_timeout = ${appender.transactions.waitMaxMs}`);
      database.pragma('wal_checkpoint(TRUNCATE)');
      database.close();
      send({ kind: 'closed', head });
      port.close();
    } catch (error) {
      if (storageFault(error) === 'lost') return lost(error);
      send({
        kind: 'warning',
        text: `the last checkpoint failed; the next start repeats it: ${faultText(error)}`,
      });
      send({ kind: 'closed', head: headOf(appender) });
      port.close();
    }
  }
}

function writeProbe(database: Database): void {
  database
    .prepare(
      `INSERT INTO storage_probe (id, tried_at, filler) VALUES (1, unixepoch(), randomblob(${PROBE_BYTES}))
       ON CONFLICT (id) DO UPDATE SET tried_at = excluded.tried_at, filler = excluded.filler`,
    )
    .run();
}

function headOf(appender: BatchAppender): WriterHead {
  const { seq, chain } = appender.head();
  return { seq, chain: Buffer.from(chain).toString('hex') };
}
