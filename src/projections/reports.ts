/**
 * The reports: their columns, rows and groups. Each is one SELECT on the given connection. Its tables are the live
 * ones, or temporary ones that show an earlier moment (core/stand-as-of.ts).
 */

import type { Database } from 'better-sqlite3';
import type { Value } from '../core/tables/projection.ts';
import { CALL_TIME_MS, SMS_TIME_MS } from './report-views.ts';

/** `share` is 0 to 1, `micros` are millionths of the currency unit, `time` is milliseconds since 1970. */
export type ColumnKind = 'text' | 'count' | 'share' | 'seconds' | 'minutes' | 'micros' | 'time';

export interface ReportColumn {
  readonly name: string;
  readonly kind: ColumnKind;
}

/** `number` is the other party's phone number. Days and hours are UTC. */
export type Grouping = 'day' | 'hour' | 'tenant' | 'number';
export const GROUPINGS: readonly Grouping[] = ['day', 'hour', 'tenant', 'number'];

export interface ReportScope {
  /** Undefined means from the beginning. */
  readonly sinceMs: number | undefined;
  /** Exclusive; undefined means to the end. */
  readonly untilMs: number | undefined;
  /** Used only by reports with groups. */
  readonly by: Grouping;
}

export interface Report {
  readonly columns: readonly ReportColumn[];
  readonly rows: readonly (readonly Value[])[];
  /** The totals of all rows; undefined if the report has none. */
  readonly total: readonly Value[] | undefined;
}

interface Grouped {
  readonly table: string;
  /** SQL of the time in milliseconds that the scope refers to. */
  readonly at: string;
  /** SQL of the other party's phone number. */
  readonly number: string;
  readonly columns: readonly (ReportColumn & { readonly sql: string })[];
}

interface Listed {
  readonly columns: readonly ReportColumn[];
  /** Uses the parameters @since and @until. */
  readonly sql: string;
}

const count = (name: string, sql: string) => ({ name, kind: 'count', sql }) as const;
const outcome = (status: string) => count(status, `count(*) FILTER (WHERE status = '${status}')`);

const GROUPED = {
  calls: {
    table: 'calls',
    at: CALL_TIME_MS,
    number: "CASE direction WHEN 'inbound' THEN from_number ELSE to_number END",
    columns: [
      count('calls', 'count(*)'),
      count('answered', 'count(answered_at_ms)'),
      { name: 'answer_rate', kind: 'share', sql: '1.0 * count(answered_at_ms) / count(*)' },
      ...['completed', 'no_answer', 'busy', 'failed', 'cancelled'].map(outcome),
      count('under_way', "count(*) FILTER (WHERE status IN ('initiated', 'ringing', 'answered'))"),
      { name: 'minutes', kind: 'minutes', sql: 'coalesce(sum(duration_seconds), 0) / 60.0' },
      { name: 'average', kind: 'seconds', sql: 'avg(duration_seconds)' },
    ],
  },
  sms: {
    table: 'sms_messages',
    at: SMS_TIME_MS,
    number: "CASE status WHEN 'received' THEN from_number ELSE to_number END",
    columns: [
      count('outbound', "count(*) FILTER (WHERE status <> 'received')"),
      ...['delivered', 'failed', 'received'].map(outcome),
      {
        name: 'delivery_rate',
        kind: 'share',
        sql: `1.0 * count(*) FILTER (WHERE status = 'delivered')
          / nullif(count(*) FILTER (WHERE status IN ('delivered', 'failed')), 0)`,
      },
      count('segments', 'coalesce(sum(segments), 0)'),
    ],
  },
  costs: {
    table: 'calls',
    at: CALL_TIME_MS,
    number: "CASE direction WHEN 'inbound' THEN from_number ELSE to_number END",
    columns: [
      count('calls', 'count(*)'),
      count('with_cost', 'count(total_cost_micros)'),
      { name: 'minutes', kind: 'minutes', sql: 'coalesce(sum(duration_seconds), 0) / 60.0' },
      { name: 'cost', kind: 'micros', sql: 'coalesce(sum(total_cost_micros), 0)' },
    ],
  },
} as const satisfies Readonly<Record<string, Grouped>>;

const LISTED = {
  'opt-outs': {
    columns: [
      { name: 'opted_out_at', kind: 'time' },
      { name: 'phone_number', kind: 'text' },
      { name: 'last_keyword', kind: 'text' },
    ],
    sql: `SELECT opted_out_at_ms, phone_number, last_keyword FROM contacts
      WHERE opted_out = 1 AND opted_out_at_ms >= @since AND opted_out_at_ms < @until
      ORDER BY opted_out_at_ms, phone_number`,
  },
  failures: {
    columns: [
      { name: 'stage', kind: 'text' },
      { name: 'reason', kind: 'text' },
      { name: 'events', kind: 'count' },
      { name: 'first_seq', kind: 'count' },
      { name: 'last_seq', kind: 'count' },
      { name: 'last_received', kind: 'time' },
    ],
    sql: `SELECT stage, error, count(*) AS events, min(seq), max(seq), max(received_at_ms)
      FROM failures JOIN events USING (seq)
      WHERE received_at_ms >= @since AND received_at_ms < @until
      GROUP BY stage, error ORDER BY events DESC, max(seq) DESC`,
  },
} as const satisfies Readonly<Record<string, Listed>>;

export type ReportName = keyof typeof GROUPED | keyof typeof LISTED;
export const REPORT_NAMES = [...Object.keys(GROUPED), ...Object.keys(LISTED)] as readonly ReportName[];

/** Whether a report has one row per day, hour, tenant or number. */
export function hasGroups(name: ReportName): boolean {
  return name in GROUPED;
}

/** Later than any time in an event. */
const NEVER_MS = 8.64e15;

/** Runs one statement, or two if there is a total: call it in a transaction for a consistent view. */
export function makeReport(database: Database, name: ReportName, scope: ReportScope): Report {
  const range = { since: scope.sinceMs ?? -NEVER_MS, until: scope.untilMs ?? NEVER_MS };
  const rowsOf = (sql: string) => database.prepare<[typeof range], Value[]>(sql).raw().all(range);
  if (!isGrouped(name)) {
    const { columns, sql } = LISTED[name];
    return { columns, rows: rowsOf(sql), total: undefined };
  }
  const grouped: Grouped = GROUPED[name];
  const select = (group: string) => `
    SELECT ${group} AS "group", ${grouped.columns.map((column) => `${column.sql} AS ${column.name}`).join(', ')}
    FROM ${grouped.table}
    WHERE ${grouped.at} >= @since AND ${grouped.at} < @until
    GROUP BY "group" ORDER BY "group"`;
  return {
    columns: [
      { name: scope.by, kind: 'text' },
      ...grouped.columns.map(({ name: column, kind }) => ({ name: column, kind })),
    ],
    rows: rowsOf(select(groupSql(grouped, scope.by))),
    total: rowsOf(select("'total'"))[0],
  };
}

function isGrouped(name: ReportName): name is keyof typeof GROUPED {
  return hasGroups(name);
}

function groupSql({ at, number }: Grouped, by: Grouping): string {
  switch (by) {
    case 'day':
      return `strftime('%Y-%m-%d', ${at} / 1000, 'unixepoch')`;
    case 'hour':
      return `strftime('%Y-%m-%d %H:00', ${at} / 1000, 'unixepoch')`;
    case 'tenant':
      return "coalesce(tenant_id, '–')";
    case 'number':
      return `coalesce(${number}, '–')`;
  }
}
