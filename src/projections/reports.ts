/**
 * The reports: their columns, rows and groups. Each is one SELECT over the given reader, which shows the live tables or
 * those of an earlier moment.
 */

import type { Reader } from '../core/engine/reader.ts';
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
  /** Has the columns by their names, and the parameters since and until, in this order. */
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
    sql: `SELECT opted_out_at_ms AS opted_out_at, phone_number, last_keyword FROM contacts
      WHERE opted_out = 1 AND opted_out_at_ms >= ? AND opted_out_at_ms < ?
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
    sql: `SELECT stage, error AS reason, count(*) AS events, min(seq) AS first_seq, max(seq) AS last_seq,
        max(received_at_ms) AS last_received
      FROM failures JOIN events USING (seq)
      WHERE received_at_ms >= ? AND received_at_ms < ?
      GROUP BY stage, error ORDER BY count(*) DESC, max(seq) DESC`,
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

/** Runs one statement, or two if there is a total: give it a reader at one moment for a consistent view. */
export async function makeReport(
  reader: Pick<Reader, 'query'>,
  name: ReportName,
  scope: ReportScope,
): Promise<Report> {
  if (!isGrouped(name)) {
    const { columns, sql } = LISTED[name];
    return { columns, rows: await rowsOf(reader, sql, columns, scope), total: undefined };
  }
  const grouped: Grouped = GROUPED[name];
  const columns: readonly ReportColumn[] = [
    { name: scope.by, kind: 'text' },
    ...grouped.columns.map(({ name: column, kind }) => ({ name: column, kind })),
  ];
  const select = (group: string) => `
    SELECT ${group} AS "${scope.by}", ${grouped.columns.map(({ sql, name: column }) => `${sql} AS ${column}`).join(', ')}
    FROM ${grouped.table}
    WHERE ${grouped.at} >= ? AND ${grouped.at} < ?
    GROUP BY 1 ORDER BY 1`;
  const rows = await rowsOf(reader, select(groupSql(grouped, scope.by)), columns, scope);
  const [total] = await rowsOf(reader, select("'total'"), columns, scope);
  return { columns, rows, total };
}

async function rowsOf(
  reader: Pick<Reader, 'query'>,
  sql: string,
  columns: readonly ReportColumn[],
  { sinceMs = -NEVER_MS, untilMs = NEVER_MS }: ReportScope,
): Promise<Value[][]> {
  const found = await reader.query(sql, sinceMs, untilMs);
  return found.map((row) => columns.map(({ name }) => row[name] as Value));
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
