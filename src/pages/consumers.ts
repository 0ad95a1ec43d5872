/** Reads the handlers' state for a page, without creating or changing the file. */

import { existsSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { BUSY_TIMEOUT_MS } from '../core/limits.ts';
import { type ConsumerState, consumerStates } from '../engines/sqlite/run-store.ts';

/** @returns an empty list if no handler has ever run */
export function consumersOf(path: string): readonly ConsumerState[] {
  if (!existsSync(path)) return [];
  const database = new Sqlite(path, { readonly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    return consumerStates(database);
  } finally {
    database.close();
  }
}
