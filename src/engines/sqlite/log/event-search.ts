/** The SQL that searches and counts the log's events for people, while the writer keeps running. */

import type { Database } from 'better-sqlite3';
import type { FoundEvent, SearchPiece, TimeCount } from '../../../core/engine/reader.ts';
import { mentions } from '../../../core/event/mentions.ts';
import { verdictOf } from '../../../core/event/recorded-event.ts';
import { statement } from '../file/statement.ts';

// Only a body that contains the text, or an escape that may hide it, is parsed.
const PIECE = `
  SELECT
    seq,
    type,
    received_at_ms AS receivedAtMs,
    path,
    length(body) AS bodyBytes,
    (SELECT json_group_array(json_object('field', field, 'error', error))
      FROM failures WHERE failures.seq = events.seq) AS failures
  FROM events
  WHERE seq < @before AND seq >= @from
    AND (@types IS NULL OR type IN (SELECT value FROM json_each(@types)))
    AND (@prefix IS NULL OR substr(type, 1, length(@prefix)) = @prefix)
    AND (@subject IS NULL
      OR ((instr(body, CAST(@subject AS BLOB)) > 0 OR instr(body, x'5c') > 0) AND mentions(body, @subject)))
    AND (@failedOnly = 0 OR EXISTS (SELECT 1 FROM failures WHERE failures.seq = events.seq))
  ORDER BY seq DESC LIMIT @limit`;
// An escape may hide the id: JSON allows any character to be escaped.
const NAMING = `
  SELECT seq FROM events
  WHERE seq BETWEEN @from AND @upTo AND (instr(body, @id) > 0 OR instr(body, x'5c') > 0)
  ORDER BY seq DESC LIMIT @limit`;
const FAILED_NAMING = `
  SELECT events.seq
  FROM (SELECT seq FROM failures WHERE stage = @stage AND field = '' ORDER BY seq DESC LIMIT @limit) AS recent
  JOIN events ON events.seq = recent.seq
  WHERE instr(events.body, @id) > 0 OR instr(events.body, x'5c') > 0`;
// better-sqlite3 binds a number as REAL, but the division must be an integer one.
const COUNTS_BY_TIME = `
  SELECT received_at_ms / CAST(@stepMs AS INTEGER) AS step, type, count(*) AS count
  FROM events WHERE seq > @after AND seq <= @upTo GROUP BY step, type`;

interface FoundRow extends Omit<FoundEvent, 'failure' | 'warnings'> {
  /** A JSON list of the argument of verdictOf(). */
  readonly failures: string;
}

/** Makes a connection able to search(). */
export function defineMentions(database: Database): void {
  database.function('mentions', { deterministic: true, directOnly: true }, (body, subject) =>
    Number(mentions(body as Uint8Array, subject as string)),
  );
}

/** Newest first. */
export function search(
  database: Database,
  { types, typePrefix, subject, failedOnly, ...range }: SearchPiece,
): FoundEvent[] {
  const found = statement<[object], FoundRow>(database, PIECE).all({
    ...range,
    types: types === undefined ? null : JSON.stringify(types),
    prefix: typePrefix ?? null,
    subject: subject ?? null,
    failedOnly: Number(failedOnly),
  });
  return found.map(({ failures, ...event }) => {
    const { error, warnings } = verdictOf(JSON.parse(failures));
    return { ...event, failure: error, warnings };
  });
}

/** The latest events, at most `limit`, with `from` ≤ seq ≤ `upTo` whose body may contain `id`. */
export function naming(database: Database, id: string, from: number, upTo: number, limit: number): number[] {
  return seqsOf(database, NAMING, { id: Buffer.from(id), from, upTo, limit });
}

/** Among the latest `limit` events that a stage could not use, those whose body may contain `id`. */
export function failedNaming(database: Database, stage: string, id: string, limit: number): number[] {
  return seqsOf(database, FAILED_NAMING, { id: Buffer.from(id), stage, limit });
}

function seqsOf(database: Database, sql: string, values: object): number[] {
  return statement<[object], { readonly seq: number }>(database, sql)
    .all(values)
    .map(({ seq }) => seq);
}

/** How many events with `after` < seq ≤ `upTo` arrived in each time step, by type as sent. */
export function countsByTime(database: Database, after: number, upTo: number, stepMs: number): TimeCount[] {
  return statement<[object], TimeCount>(database, COUNTS_BY_TIME).all({ after, upTo, stepMs });
}
