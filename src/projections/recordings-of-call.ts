/** A call's recordings, which are rows of their own. */

import type { Database } from 'better-sqlite3';

/** @returns their keys, the earliest arrived first */
export function recordingsOf(database: Database, callUuid: string): string[] {
  return database
    .prepare('SELECT recording_id FROM recordings WHERE call_uuid = ? ORDER BY first_seq')
    .pluck()
    .all(callUuid) as string[];
}
