/** The SQL that searches and counts the log's events for people, while the writer keeps running. */

import type { Database, Statement } from 'better-sqlite3';
import type { FoundEvent, SearchPiece, TimeCount } from '../../../core/engine/reader.ts';
import { mentions } from '../../../core/event/mentions.ts';

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

/** Prepared statements on one connection. */
export class EventSearch {
  readonly #piece: Statement<[Parameters], FoundEvent>;
  readonly #naming: Statement<[Naming & { from: number; upTo: number }], number>;
  readonly #failedNaming: Statement<[Naming & { stage: string }], number>;
  readonly #countsByTime: Statement<[{ after: number; upTo: number; stepMs: number }], TimeCount>;

  constructor(database: Database) {
    // Only a body that contains the text, or an escape that may hide it, is parsed.
    database.function('mentions', { deterministic: true, directOnly: true }, (body, subject) =>
      Number(mentions(body as Uint8Array, subject as string)),
    );
    this.#piece = database.prepare(`
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
    // better-sqlite3 binds a number as REAL, but the division must be an integer one.
    this.#countsByTime = database.prepare(
      `SELECT received_at_ms / CAST(@stepMs AS INTEGER) AS step, type, count(*) AS count
       FROM events WHERE seq > @after AND seq <= @upTo GROUP BY step, type`,
    );
  }

  /** Newest first. */
  piece({ from, before, limit, types, typePrefix, subject, failedOnly }: SearchPiece): FoundEvent[] {
    return this.#piece.all({
      before,
      from,
      limit,
      types: types === undefined ? null : JSON.stringify(types),
      prefix: typePrefix ?? null,
      subject: subject ?? null,
      failedOnly: Number(failedOnly),
    });
  }

  /** The latest events, at most `limit`, with `from` ≤ seq ≤ `upTo` whose body may contain `id`. */
  naming(id: string, from: number, upTo: number, limit: number): number[] {
    return this.#naming.all({ id: Buffer.from(id), from, upTo, limit });
  }

  /** Among the latest `limit` failures of a stage, the events whose body may contain `id`. */
  failedNaming(stage: string, id: string, limit: number): number[] {
    return this.#failedNaming.all({ id: Buffer.from(id), stage, limit });
  }

  /** How many events with `after` < seq ≤ `upTo` arrived in each time step, by type as sent. */
  countsByTime(after: number, upTo: number, stepMs: number): TimeCount[] {
    return this.#countsByTime.all({ after, upTo, stepMs });
  }
}
