/** Finds the rows whose keys begin with what a person has typed or copied of an id. */

import type { Reader } from '../engine/reader.ts';
import { EXPLAIN_START_CHARS_MIN } from '../limits.ts';
import type { Projection } from '../tables/projection.ts';

/** After every other character, in the order of both engines. */
const LAST = '\u{10ffff}';

/** @returns at most `limit` keys, in order; none if `start` has fewer than EXPLAIN_START_CHARS_MIN characters */
export async function keysBeginning(
  reader: Reader,
  { name, key }: Projection,
  start: string,
  limit: number,
): Promise<string[]> {
  if (start.length < EXPLAIN_START_CHARS_MIN) return [];
  const sql = `SELECT ${key} AS row_key FROM ${name} WHERE ${key} >= ? AND ${key} < ? ORDER BY ${key} LIMIT ?`;
  const rows = await reader.query(sql, start, start + LAST, limit);
  return rows.map(({ row_key: found }) => String(found));
}
