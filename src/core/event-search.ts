/**
 * Finds events for a person: by type, by an id in their bodies, by failure, the newest first. Types and bodies have no
 * index, which would cost the writer: a search reads the log backwards in pieces, no further at a time than its limit, and
 * says where to go on.
 */

import type { Database, Statement } from 'better-sqlite3';
import { SPELLINGS_WITH_TABLE, tabledType } from './event-types.ts';
import { SEARCH_EVENTS_MAX, SEARCH_PIECE_EVENTS } from './limits.ts';

export interface EventFilter {
  /** One type under any of its spellings; `call.*`: all that begin so, as sent. */
  readonly type?: string | undefined;
  /** A text that some member of the body is: the id of a call, a phone number. */
  readonly subject?: string | undefined;
  readonly failedOnly?: boolean;
}

/** Both ends are left out; undefined: the log's. */
export interface SeqRange {
  readonly after?: number | undefined;
  readonly before?: number | undefined;
}

export interface FoundEvent {
  readonly seq: number;
  readonly type: string | null;
  readonly receivedAtMs: number;
  readonly path: string;
  readonly bodyBytes: number;
  /** What `failures` says of it. */
  readonly failure: string | null;
}

export interface Found {
  /** The newest first. */
  readonly events: readonly FoundEvent[];
  /** Search on before this seq; undefined: the whole range has been searched. */
  readonly before: number | undefined;
}

interface Parameters {
  readonly before: number;
  readonly from: number;
  readonly limit: number;
  readonly types: string | null;
  readonly prefix: string | null;
  readonly subject: Uint8Array | null;
  readonly failedOnly: number;
}

interface Naming {
  readonly id: Uint8Array;
  readonly limit: number;
}

export class EventSearch {
  readonly #head: Statement<[], number>;
  readonly #find: Statement<[Parameters], FoundEvent>;
  readonly #naming: Statement<[Naming & { from: number; upTo: number }], number>;
  readonly #failedNaming: Statement<[Naming & { stage: string }], number>;

  constructor(database: Database) {
    this.#head = database.prepare<[], number>('SELECT max(seq) FROM events').pluck();
    this.#find = database.prepare(`
      SELECT
        seq,
        type,
        received_at_ms AS receivedAtMs,
        path,
        length(body) AS bodyBytes,
        (SELECT group_concat(DISTINCT error) FROM failures WHERE failures.seq = events.seq) AS failure
      FROM events
      WHERE seq < @before AND seq >= @from
        AND (@types IS NULL OR type IN (SELECT value FROM json_each(@types)))
        AND (@prefix IS NULL OR substr(type, 1, length(@prefix)) = @prefix)
        AND (@subject IS NULL OR instr(body, @subject) > 0)
        AND (@failedOnly = 0 OR EXISTS (SELECT 1 FROM failures WHERE failures.seq = events.seq))
      ORDER BY seq DESC LIMIT @limit`);
    // A backslash may hide the id: JSON allows any character to be escaped.
    this.#naming = database
      .prepare<[Naming & { from: number; upTo: number }], number>(
        `SELECT seq FROM events
         WHERE seq BETWEEN @from AND @upTo AND (instr(body, @id) > 0 OR instr(body, x'5c') > 0)
         ORDER BY seq DESC LIMIT @limit`,
      )
      .pluck();
    this.#failedNaming = database
      .prepare<[Naming & { stage: string }], number>(
        `SELECT events.seq
         FROM (SELECT seq FROM failures WHERE stage = @stage ORDER BY seq DESC LIMIT @limit) AS recent
         JOIN events ON events.seq = recent.seq
         WHERE instr(events.body, @id) > 0 OR instr(events.body, x'5c') > 0`,
      )
      .pluck();
  }

  /** Events with `from` ≤ seq ≤ `upTo` whose body may name `id`: at most `limit` of the latest. */
  naming(id: string, from: number, upTo: number, limit: number): number[] {
    return this.#naming.all({ id: Buffer.from(id), from, upTo, limit });
  }

  /** Of the latest `limit` failures of a stage those whose body names `id`. */
  failedNaming(stage: string, id: string, limit: number): number[] {
    return this.#failedNaming.all({ id: Buffer.from(id), stage, limit });
  }

  /**
   * @returns up to `limit` events of the range, fewer where SEARCH_EVENTS_MAX have been looked at
   */
  find(filter: EventFilter, range: SeqRange, limit: number): Found {
    const events: FoundEvent[] = [];
    const first = (range.after ?? 0) + 1;
    let upTo = Math.min(range.before ?? Number.POSITIVE_INFINITY, (this.#head.get() ?? 0) + 1);
    const last = Math.max(first, upTo - SEARCH_EVENTS_MAX);
    while (upTo > last && events.length < limit) {
      const from = Math.max(last, upTo - SEARCH_PIECE_EVENTS);
      events.push(...this.#find.all(parametersOf(filter, from, upTo, limit - events.length)));
      upTo = events.length < limit ? from : (events.at(-1)?.seq ?? from);
    }
    return { events, before: upTo > first ? upTo : undefined };
  }
}

function parametersOf(
  { type, subject, failedOnly }: EventFilter,
  from: number,
  before: number,
  limit: number,
): Parameters {
  const isFamily = type?.endsWith('.*') === true;
  return {
    before,
    from,
    limit,
    types: type === undefined || isFamily ? null : JSON.stringify(spellingsOf(type)),
    prefix: isFamily ? (type ?? '').slice(0, -1) : null,
    // As JSON has it, quotes included: `call-1` is not found in `call-10`.
    subject: subject === undefined ? null : Buffer.from(JSON.stringify(subject)),
    failedOnly: failedOnly === true ? 1 : 0,
  };
}

function spellingsOf(type: string): string[] {
  const name = tabledType(type);
  if (name === undefined) return [type];
  return SPELLINGS_WITH_TABLE.filter((spelling) => tabledType(spelling) === name);
}
