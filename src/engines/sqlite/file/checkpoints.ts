/**
 * Checkpoints: the WAL is copied into the database file when the writer opens it, and after a batch has been answered,
 * once the WAL exceeds its size limit.
 */

import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { FILE_ATTEMPTS_MAX, FILE_RETRY_MS, WAL_CHECKPOINT_BYTES } from '../../../core/limits.ts';
import { blockThread } from './block-thread.ts';
import { refusal } from './refusal.ts';
import { faultText, storageFault } from './storage-fault.ts';

/**
 * A process that died before its fsync, or because the fsync failed, leaves events that can be read but may never
 * reach the disk. A repetition of such an event would be acknowledged without a write. A checkpoint writes them again.
 * @returns whether everything readable is fsynced; false if another process's read blocked the checkpoint
 * @throws EngineError
 */
export function flushWal(database: Database, path: string): boolean {
  try {
    for (let attempt = 1; attempt <= FILE_ATTEMPTS_MAX; attempt++) {
      const [state] = database.pragma('wal_checkpoint(PASSIVE)') as [
        { busy: number; log: number; checkpointed: number },
      ];
      if (state.busy === 0) return state.log === state.checkpointed;
      blockThread(FILE_RETRY_MS); // another process is running a checkpoint
    }
    return false;
  } catch (error) {
    throw refusal(path, error);
  }
}

/**
 * @returns a function to call after each batch, which makes a checkpoint if the WAL is large. If a reader blocks the
 *   checkpoint, it is retried when the WAL has grown by its limit again. If it fails but the next one may succeed, the
 *   function returns the problem as one line. It throws errors that storageFault() classifies as `lost`
 */
export function checkpointsOf(database: Database, databasePath: string): () => string | undefined {
  const walPath = `${databasePath}-wal`;
  let atBytes = WAL_CHECKPOINT_BYTES;
  let lastBytes = 0;
  return () => {
    let walBytes = 0;
    try {
      walBytes = statSync(walPath, { throwIfNoEntry: false })?.size ?? 0;
      // When the WAL starts over, SQLite truncates it to WAL_CHECKPOINT_BYTES (`journal_size_limit`).
      if (walBytes < lastBytes) atBytes = WAL_CHECKPOINT_BYTES;
      lastBytes = walBytes;
      if (walBytes <= atBytes) return undefined;
      atBytes = walBytes + WAL_CHECKPOINT_BYTES;
      database.pragma('wal_checkpoint(PASSIVE)');
      return undefined;
    } catch (error) {
      if (storageFault(error) === 'lost') throw error;
      return `the WAL could not be checkpointed, it stays at ${walBytes} bytes: ${faultText(error)}`;
    }
  };
}
