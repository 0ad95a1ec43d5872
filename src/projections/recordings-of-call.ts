/** Finds a call's recordings, which are separate rows. */

import type { Database } from 'better-sqlite3';

/** @returns their keys, in order of arrival */
export function recordingsOf(database: Database, callUuid: string): string[] {
  return database
    .prepare('SELECT recording_id FROM recordings WHERE call_uuid = ? ORDER BY first_seq')
    .pluck()
    .all(callUuid) as string[];
}
