/**
 * Finds events for a person: by type, by an id in the body or by failure, newest first. Types and bodies are not
 * indexed, because an index would slow down the writer. A search reads the log backwards in pieces, up to a limit, and
 * returns where to continue.
 */

import type { FoundEvent, Reader, SearchPiece } from '../engine/reader.ts';
import { SPELLINGS_WITH_TABLE, tabledType } from '../event/event-types.ts';
import { SEARCH_EVENTS_MAX, SEARCH_PIECE_EVENTS } from '../limits.ts';

export interface EventFilter extends Partial<Pick<SearchPiece, 'subject' | 'failedOnly'>> {
  /** One type under any of its spellings, or a prefix such as `call.*`, compared with the type as sent. */
  readonly type?: string | undefined;
}

/** Both ends are exclusive; an undefined end means the log's. */
interface SeqRange {
  readonly after?: number | undefined;
  readonly before?: number | undefined;
}

export type Found = Awaited<ReturnType<typeof findEvents>>;

/** @returns up to `limit` events of the range; fewer once SEARCH_EVENTS_MAX events have been searched */
export async function findEvents(
  reader: Pick<Reader, 'head' | 'search'>,
  filter: EventFilter,
  range: SeqRange,
  limit: number,
) {
  const conditions = conditionsOf(filter);
  const events: FoundEvent[] = [];
  const first = (range.after ?? 0) + 1;
  let before = Math.min(range.before ?? Number.POSITIVE_INFINITY, (await reader.head()).seq + 1);
  const last = Math.max(first, before - SEARCH_EVENTS_MAX);
  while (before > last && events.length < limit) {
    const from = Math.max(last, before - SEARCH_PIECE_EVENTS);
    events.push(...(await reader.search({ ...conditions, from, before, limit: limit - events.length })));
    before = events.length < limit ? from : (events.at(-1)?.seq ?? from);
  }
  return {
    /** Newest first. */
    events,
    /** Continue the search before this seq; undefined if the whole range has been searched. */
    before: before > first ? before : undefined,
  };
}

function conditionsOf({ type, subject, failedOnly = false }: EventFilter) {
  const isFamily = type?.endsWith('.*') === true;
  return {
    types: type === undefined || isFamily ? undefined : spellingsOf(type),
    typePrefix: isFamily ? type?.slice(0, -1) : undefined,
    subject,
    failedOnly,
  };
}

function spellingsOf(type: string): string[] {
  const name = tabledType(type);
  if (name === undefined) return [type];
  return SPELLINGS_WITH_TABLE.filter((spelling) => tabledType(spelling) === name);
}

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
