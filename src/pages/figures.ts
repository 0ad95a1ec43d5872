/** The numbers on the overview page, for calls and messages that began within a time window. */

import type { Reader } from '../core/engine/reader.ts';
import { CALL_TIME_MS, SMS_TIME_MS } from '../projections/report-views.ts';

export interface CallFigures {
  readonly calls: number;
  readonly answered: number;
  readonly seconds: number;
  readonly costMicros: number;
  /** By status, most frequent first. */
  readonly outcomes: readonly StatusCount[];
}

export interface StatusCount {
  readonly status: string;
  readonly count: number;
}

export interface SmsFigures {
  readonly outbound: number;
  readonly received: number;
  /** 0 to 1, of the messages known to be delivered or failed; null if there are none. */
  readonly deliveryRate: number | null;
  readonly statuses: readonly StatusCount[];
}

export interface OptOutFigures {
  readonly all: number;
  /** Within the window. */
  readonly recent: number;
}

export interface FailureFigures {
  readonly stage: string;
  readonly error: string;
  readonly count: number;
  readonly lastSeq: number;
}

interface CallRow extends StatusCount {
  readonly answered: number;
  readonly seconds: number;
  readonly costMicros: number;
}

/** Only the latest failures are grouped: a page must not read a table of a million rows. */
const FAILURES_READ_MAX = 10_000;
const FAILURES_SHOWN_MAX = 12;

export async function callFigures(reader: Pick<Reader, 'query'>, sinceMs: number): Promise<CallFigures> {
  const outcomes = (await reader.query(
    `SELECT
       status,
       count(*) AS count,
       count(answered_at_ms) AS answered,
       coalesce(sum(duration_seconds), 0) AS seconds,
       coalesce(sum(total_cost_micros), 0) AS "costMicros"
     FROM calls WHERE ${CALL_TIME_MS} >= ? GROUP BY status ORDER BY count DESC, status`,
    sinceMs,
  )) as unknown as CallRow[];
  const sum = (of: (row: CallRow) => number) => outcomes.reduce((total, row) => total + of(row), 0);
  return {
    outcomes,
    calls: sum((row) => row.count),
    answered: sum((row) => row.answered),
    seconds: sum((row) => row.seconds),
    costMicros: sum((row) => row.costMicros),
  };
}

export async function smsFigures(reader: Pick<Reader, 'query'>, sinceMs: number): Promise<SmsFigures> {
  const statuses = (await reader.query(
    `SELECT status, count(*) AS count
     FROM sms_messages WHERE ${SMS_TIME_MS} >= ? GROUP BY status ORDER BY count DESC, status`,
    sinceMs,
  )) as unknown as StatusCount[];
  const of = (status: string) => statuses.find((row) => row.status === status)?.count ?? 0;
  const all = statuses.reduce((total, { count }) => total + count, 0);
  const known = of('delivered') + of('failed');
  return {
    statuses,
    received: of('received'),
    outbound: all - of('received'),
    deliveryRate: known === 0 ? null : of('delivered') / known,
  };
}

/** Counts of opted-out numbers. */
export async function optOutFigures(reader: Pick<Reader, 'query'>, sinceMs: number): Promise<OptOutFigures> {
  const [counts] = await reader.query(
    `SELECT count(*) AS "all", count(*) FILTER (WHERE opted_out_at_ms >= ?) AS recent
     FROM contacts WHERE opted_out = 1`,
    sinceMs,
  );
  return (counts as OptOutFigures | undefined) ?? { all: 0, recent: 0 };
}

/** The reasons of the latest failures, latest first. */
export async function failureFigures(reader: Pick<Reader, 'query'>): Promise<readonly FailureFigures[]> {
  const found = await reader.query(
    `SELECT stage, error, count(*) AS count, max(seq) AS "lastSeq"
     FROM (SELECT seq, stage, error FROM failures ORDER BY seq DESC LIMIT ${FAILURES_READ_MAX}) AS latest
     GROUP BY stage, error ORDER BY "lastSeq" DESC LIMIT ${FAILURES_SHOWN_MAX}`,
  );
  return found as unknown as FailureFigures[];
}
