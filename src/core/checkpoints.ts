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
  return () => {
    let walBytes = 0;
    try {
      walBytes = statSync(walPath, { throwIfNoEntry: false })?.size ?? 0;
      if (walBytes <= atBytes) return undefined;
      const { busy, log, checkpointed } = checkpointState(database);
      const whole = busy === 0 && log === checkpointed;
      // A whole checkpoint lets the WAL start over at its present size; after a partial one it grows on.
      atBytes = whole ? Math.max(WAL_CHECKPOINT_BYTES, walBytes) : walBytes + WAL_CHECKPOINT_BYTES;
      return undefined;
    } catch (error) {
      if (storageFault(error) === 'lost') throw error;
      atBytes = walBytes + WAL_CHECKPOINT_BYTES;
      return `the WAL could not be checkpointed, it stays at ${walBytes} bytes: ${faultText(error)}`;
    }
  };
}
