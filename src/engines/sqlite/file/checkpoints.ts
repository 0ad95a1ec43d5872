/**
 * Decides when the WAL is copied into the database file: after a batch has been answered, once the WAL exceeds its
 * size limit. If a reader blocks a checkpoint, it is retried when the WAL has grown by that limit again.
 */

import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { WAL_CHECKPOINT_BYTES } from '../../../core/limits.ts';
import { checkpointState } from './database.ts';
import { faultText, storageFault } from './storage-fault.ts';

/**
 * @returns a function to call after each batch. If a checkpoint fails but the next one may succeed, it returns the
 *   problem as one line. It throws errors that storageFault() classifies as `lost`
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
      checkpointState(database);
      return undefined;
    } catch (error) {
      if (storageFault(error) === 'lost') throw error;
      return `the WAL could not be checkpointed, it stays at ${walBytes} bytes: ${faultText(error)}`;
    }
  };
}
