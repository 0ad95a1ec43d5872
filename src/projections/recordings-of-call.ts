/** Finds a call's recordings, which are separate rows. */

import type { Reader } from '../core/engine/reader.ts';

/** @returns their keys, in order of arrival */
export async function recordingsOf(reader: Pick<Reader, 'query'>, callUuid: string): Promise<string[]> {
  const found = await reader.query(
    'SELECT recording_id FROM recordings WHERE call_uuid = ? ORDER BY first_seq',
    callUuid,
  );
  return found.map((row) => row['recording_id'] as string);
}
