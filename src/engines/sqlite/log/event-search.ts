/**
 * Finds events for a person: by type, by an id in the body or by failure, newest first. Types and bodies are not
 * indexed, because an index would slow down the writer. A search reads the log backwards in pieces, up to a limit, and
 * returns where to continue.
 */

import type { Database, Statement } from 'better-sqlite3';
import type { SearchPiece } from '../../../core/engine/reader.ts';
import { SPELLINGS_WITH_TABLE, tabledType } from '../../../core/event/event-types.ts';
import { mentions } from '../../../core/event/mentions.ts';
import { SEARCH_EVENTS_MAX, SEARCH_PIECE_EVENTS } from '../../../core/limits.ts';

export interface EventFilter {
  /** One type under any of its spellings, or a prefix such as `call.*`, compared with the type as sent. */
  readonly type?: string | undefined;
  /** A text or a number in the body, for example a call's id or a phone number. */
  readonly subject?: string | undefined;
  readonly failedOnly?: boolean;
}

/** Both ends are exclusive; an undefined end means the log's. */
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
  /** What `failures` records for it. */
  readonly failure: string | null;
}

export interface Found {
  /** Newest first. */
  readonly events: readonly FoundEvent[];
  /** Continue the search before this seq; undefined if the whole range has been searched. */
  readonly before: number | undefined;
}

interface Parameters {
  readonly before: number;
  readonly from: number;
  readonly limit: number;
  readonly types: string | null;
  readonly prefix: string | null;
  readonly subject: string | null;
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
    // Only a body that contains the text, or an escape that may hide it, is parsed.
    database.function('mentions', { deterministic: true, directOnly: true }, (body, subject) =>
      Number(mentions(body as Uint8Array, subject as string)),
    );
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
        AND (@subject IS NULL
          OR ((instr(body, CAST(@subject AS BLOB)) > 0 OR instr(body, x'5c') > 0) AND mentions(body, @subject)))
        AND (@failedOnly = 0 OR EXISTS (SELECT 1 FROM failures WHERE failures.seq = events.seq))
      ORDER BY seq DESC LIMIT @limit`);
    // An escape may hide the id: JSON allows any character to be escaped.
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

  /** The latest events, at most `limit`, with `from` ≤ seq ≤ `upTo` whose body may contain `id`. */
  naming(id: string, from: number, upTo: number, limit: number): number[] {
    return this.#naming.all({ id: Buffer.from(id), from, upTo, limit });
  }

  /** Among the latest `limit` failures of a stage, the events whose body may contain `id`. */
  failedNaming(stage: string, id: string, limit: number): number[] {
    return this.#failedNaming.all({ id: Buffer.from(id), stage, limit });
  }

  /** Newest first. */
  piece({ from, before, limit, types, typePrefix, subject, failedOnly }: SearchPiece): FoundEvent[] {
    return this.#find.all({
      before,
      from,
      limit,
      types: types === undefined ? null : JSON.stringify(types),
      prefix: typePrefix ?? null,
      subject: subject ?? null,
      failedOnly: Number(failedOnly),
    });
  }

  /**
   * @returns up to `limit` events of the range; fewer once SEARCH_EVENTS_MAX events have been searched
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
    subject: subject ?? null,
    failedOnly: failedOnly === true ? 1 : 0,
  };
}

function spellingsOf(type: string): string[] {
  const name = tabledType(type);
  if (name === undefined) return [type];
  return SPELLINGS_WITH_TABLE.filter((spelling) => tabledType(spelling) === name);
}
