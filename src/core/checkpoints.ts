/**
 * When the WAL is copied into the database file: after the answers of a batch, once it has outgrown its size. A
 * checkpoint that a reader holds up is tried again when the WAL has grown as much again.
 */

import { statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { checkpointState } from './database.ts';
import { WAL_CHECKPOINT_BYTES } from './limits.ts';
import { faultText, storageFault } from './storage-fault.ts';

/**
 * @returns a function to call after each batch. It returns what is wrong, as one line, if a checkpoint failed and the
 *   next one may do, and throws what storageFault() calls lost
 */
export function checkpointsOf(database: Database, databasePath: string): () => string | undefined {
  const walPath = `${databasePath}-wal`;
  let atBytes = WAL_CHECKPOINT_BYTES;
  let lastBytes = 0;
  return () => {
    let walBytes = 0;
    try {
      walBytes = statSync(walPath, { throwIfNoEntry: false })?.size ?? 0;
      // SQLite cuts a WAL that starts over back to that size (WAL_CHECKPOINT_BYTES, `journal_size_limit`).
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
