/** Finds the place of a time in the log. */

import type { Reader } from '../engine/reader.ts';

/**
 * The first event that arrived at `atMs` or later; the head's seq + 1 if there is none. A binary search, about twenty
 * reads. Times rise with seq, unless the clock was set or several processes share the log; the result is off by
 * as much then.
 */
export async function firstFrom(
  reader: Pick<Reader, 'head' | 'receivedAtMs'>,
  atMs: number,
): Promise<number> {
  let low = 1;
  let high = (await reader.head()).seq + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (((await reader.receivedAtMs(middle)) ?? 0) < atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
