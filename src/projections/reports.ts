/**
 * The reports: their columns, rows and groups. Each is one SELECT over the given reader, which shows the live tables or
 * those of an earlier moment.
 */

import type { Reader } from '../core/engine/reader.ts';
import type { Row } from '../core/tables/projection.ts';
import { KEY_SEPARATOR, LOST_OPT_OUT } from './contacts.ts';
import { CALLS, columnList, type Figure, type FigureKind, figuresOf, SMS } from './figures.ts';
import { optedOutSql } from './opted-out.ts';

/** `number` is the other party's phone number. Days and hours are UTC. */
export const GROUPINGS = ['day', 'hour', 'tenant', 'number'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** By the name of the group, so days and hours by time; or by volume: most calls, messages or costs first. */
export const ORDERS = ['group', 'volume'] as const;
export type Order = (typeof ORDERS)[number];

export interface ReportScope {
  /** Undefined means from the beginning. */
  readonly sinceMs: number | undefined;
  /** Exclusive; undefined means to the end. */
  readonly untilMs: number | undefined;
  /** Used only by reports with groups, as is `order`. */
  readonly by: Grouping;
  readonly order: Order;
}

export interface Report {
  readonly columns: readonly Figure[];
  readonly rows: readonly Row[];
  /** The totals of all rows; undefined if the report has no groups or no rows. */
  readonly total: Row | undefined;
}

interface Definition {
  readonly table: string;
  /** SQL of the time in milliseconds that the scope refers to. */
  readonly at: string;
  /** SQL of the other party's phone number, if the report has groups. */
  readonly number?: string;
  /** SQL of what there is most of in the first row of the order by volume, if the report has groups. */
  readonly volume?: string;
  readonly columns: readonly Figure[];
  /** What follows the scope's condition, if the report has no groups. */
  readonly end?: string;
}

const column = (name: string, kind: FigureKind, sql = name): Figure => ({ name, kind, sql });

const OPTED_OUT = optedOutSql(`'${KEY_SEPARATOR}'`);

const REPORTS = {
  calls: {
    ...CALLS,
    volume: 'count(*)',
    columns: figuresOf(
      CALLS,
      'calls',
      'answered',
      'inferred',
      'answer_rate',
      ...(['completed', 'no_answer', 'busy', 'failed', 'cancelled'] as const),
      'under_way',
      'minutes',
      'average',
    ),
  },
  sms: {
    ...SMS,
    volume: 'count(*)',
    columns: figuresOf(SMS, 'outbound', 'delivered', 'failed', 'received', 'delivery_rate', 'segments'),
  },
  costs: {
    ...CALLS,
    volume: CALLS.figures.cost.sql,
    columns: figuresOf(CALLS, 'calls', 'with_cost', 'minutes', 'cost'),
  },
  'opt-outs': {
    table: OPTED_OUT.from,
    at: OPTED_OUT.atMs,
    columns: [
      column('opted_out_at', 'time', OPTED_OUT.atMs),
      column('tenant', 'text', 'contacts.tenant_id'),
      column('phone_number', 'text', 'contacts.phone_number'),
      column('own_number', 'text', 'contacts.own_number'),
      column('opted_out_by', 'text', OPTED_OUT.by),
    ],
    end: `AND ${OPTED_OUT.condition} ORDER BY 1, contacts.contact`,
  },
  /** Messages that a person must decide about. */
  'possible-opt-outs': {
    table: 'sms_messages',
    at: 'received_at_ms',
    columns: [
      column('received_at', 'time', 'received_at_ms'),
      column('tenant', 'text', 'tenant_id'),
      column('from_number', 'text'),
      column('to_number', 'text'),
      column('word', 'text', 'possible_opt_out'),
      column('message', 'text'),
    ],
    end: 'AND possible_opt_out IS NOT NULL ORDER BY received_at_ms DESC, message_id',
  },
  /** Opt-outs that cannot be attributed to a number come first: they have no effect. */
  failures: {
    table: 'failures JOIN events USING (seq)',
    at: 'received_at_ms',
    columns: [
      column('stage', 'text'),
      column('left_out', 'text', "CASE field WHEN '' THEN 'the event' ELSE field END"),
      column('reason', 'text', 'error'),
      column('events', 'count', 'count(*)'),
      column('first_seq', 'count', 'min(seq)'),
      column('last_seq', 'count', 'max(seq)'),
      column('last_received', 'time', 'max(received_at_ms)'),
    ],
    end: `GROUP BY stage, field, error
      ORDER BY CASE WHEN stage = 'contacts' AND field = '' AND error LIKE '${LOST_OPT_OUT}%' THEN 0 ELSE 1 END,
        count(*) DESC, max(seq) DESC`,
  },
} as const satisfies Readonly<Record<string, Definition>>;

export type ReportName = keyof typeof REPORTS;
export const REPORT_NAMES = Object.keys(REPORTS) as readonly ReportName[];

/** Whether a report has one row per day, hour, tenant or number. */
export function hasGroups(name: ReportName): boolean {
  return 'number' in REPORTS[name];
}

/** Later than any time in an event. */
const NEVER_MS = 8.64e15;

/** Runs one statement, or two if there is a total: give it a reader of one snapshot for consistent figures. */
export async function makeReport(
  reader: Pick<Reader, 'query'>,
  name: ReportName,
  { sinceMs = -NEVER_MS, untilMs = NEVER_MS, by, order }: ReportScope,
): Promise<Report> {
  const { table, at, number, volume, columns, end }: Definition = REPORTS[name];
  const select = async (selected: readonly Figure[], rest = '') => {
    const sql = `SELECT ${columnList(selected)} FROM ${table} WHERE ${at} >= ? AND ${at} < ? ${rest}`;
    return (await reader.query(sql, sinceMs, untilMs)) as Row[];
  };
  if (number === undefined) return { columns, rows: await select(columns, end), total: undefined };
  const ordered = order === 'volume' ? `${volume} DESC, 1` : '1';
  const selectBy = (sql: string) =>
    select([column(by, 'text', sql), ...columns], `GROUP BY 1 ORDER BY ${ordered}`);
  const groupSql: Readonly<Record<Grouping, string>> = {
    day: `strftime('%Y-%m-%d', ${at} / 1000, 'unixepoch')`,
    hour: `strftime('%Y-%m-%d %H:00', ${at} / 1000, 'unixepoch')`,
    tenant: "coalesce(tenant_id, '–')",
    number: `coalesce(${number}, '–')`,
  };
  const rows = await selectBy(groupSql[by]);
  const [total] = await selectBy("'total'");
  return { columns: [column(by, 'text'), ...columns], rows, total };
}
