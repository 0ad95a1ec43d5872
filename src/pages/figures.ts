/** The numbers on the overview page. */

import type { Reader } from '../core/engine/reader.ts';
import { PAGE_FAILURES_READ_MAX, PAGE_FAILURES_SHOWN_MAX } from '../core/limits.ts';
import { columnList, figuresOf, type Source, withStatus } from '../projections/figures.ts';

export type StatusCounts = readonly (readonly [status: string, count: number])[];

/**
 * The calls or messages that began at `sinceMs` or later: some of their figures, and how many have each status, most
 * frequent first. The table is read once.
 */
export async function figuresSince<Name extends string>(
  reader: Pick<Reader, 'query'>,
  source: Source<Name>,
  names: readonly Name[],
  sinceMs: number,
): Promise<{ readonly figures: Readonly<Record<Name, number | null>>; readonly statuses: StatusCounts }> {
  const counts = source.statuses.map((status) => ({ ...withStatus(status), name: `status_${status}` }));
  const [row = {}] = await reader.query(
    `SELECT ${columnList([...figuresOf(source, ...names), ...counts])}
     FROM ${source.table} WHERE ${source.at} >= ?`,
    sinceMs,
  );
  const statuses = source.statuses
    .toSorted()
    .map((status) => [status, Number(row[`status_${status}`])] as const)
    .filter(([, count]) => count > 0)
    .toSorted(([, one], [, other]) => other - one);
  return { figures: row as Record<Name, number | null>, statuses };
}

/** How many numbers are opted out for at least one tenant, and how many of them since `sinceMs`. */
export async function optOutCounts(
  reader: Pick<Reader, 'query'>,
  sinceMs: number,
): Promise<{ readonly all: number; readonly recent: number }> {
  const [counts] = await reader.query(
    `SELECT count(DISTINCT phone_number) AS "all",
       count(DISTINCT phone_number) FILTER (WHERE opted_out_at_ms >= ?) AS recent
     FROM contacts WHERE opted_out = 1`,
    sinceMs,
  );
  return counts as { all: number; recent: number };
}

interface FailureReason {
  readonly stage: string;
  readonly error: string;
  readonly count: number;
  readonly lastSeq: number;
}

/** The reasons of the latest failures, latest first. */
export async function failureReasons(reader: Pick<Reader, 'query'>): Promise<readonly FailureReason[]> {
  const found = await reader.query(
    `SELECT stage, error, count(*) AS count, max(seq) AS "lastSeq"
     FROM (SELECT seq, stage, error FROM failures ORDER BY seq DESC LIMIT ${PAGE_FAILURES_READ_MAX}) AS latest
     GROUP BY stage, error ORDER BY "lastSeq" DESC LIMIT ${PAGE_FAILURES_SHOWN_MAX}`,
  );
  return found as unknown as FailureReason[];
}
