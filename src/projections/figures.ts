/**
 * The figures of calls and messages: their names, and how SQL computes them from the rows of a table. The report views,
 * the reports and the admin pages take them from here.
 */

import { calls } from './calls.ts';
import { statusesOf } from './lifecycle.ts';
import { smsMessages } from './sms-messages.ts';

/** `share` is 0 to 1, `micros` are millionths of a US dollar, `time` is milliseconds since 1970. */
export type FigureKind = 'text' | 'count' | 'share' | 'seconds' | 'minutes' | 'micros' | 'time';

export interface Figure {
  readonly name: string;
  readonly kind: FigureKind;
  readonly sql: string;
}

/** A table and its figures. */
export interface Source<Name extends string = string> {
  readonly table: string;
  /** SQL of the time that decides to which day or period a row belongs, in milliseconds since 1970. */
  readonly at: string;
  /** SQL of the other party's phone number. */
  readonly number: string;
  /** All that a row can have, by rank. */
  readonly statuses: readonly string[];
  readonly figures: Readonly<Record<Name, Omit<Figure, 'name'>>>;
}

const count = (sql: string) => ({ kind: 'count', sql }) as const;

/** The number of rows with a status. */
export const withStatus = (status: string) => count(`count(*) FILTER (WHERE status = '${status}')`);

const DELIVERY_RATE = `1.0 * ${withStatus('delivered').sql}
    / nullif(count(*) FILTER (WHERE status IN ('delivered', 'failed')), 0)`;

/** A call's time is when it began, as far as known. */
export const CALLS = {
  table: 'calls',
  at: 'coalesce(initiated_at_ms, ringing_at_ms, answered_at_ms, ended_at_ms)',
  number: "CASE direction WHEN 'inbound' THEN from_number ELSE to_number END",
  statuses: statusesOf(calls),
  figures: {
    calls: count('count(*)'),
    answered: count('coalesce(sum(answered), 0)'),
    /** Of those answered: without a stated time, because the call lasted and ended normally. */
    inferred: count('count(*) FILTER (WHERE answered = 1 AND answered_at_ms IS NULL)'),
    answer_rate: { kind: 'share', sql: '1.0 * sum(answered) / count(*)' },
    completed: withStatus('completed'),
    no_answer: withStatus('no_answer'),
    busy: withStatus('busy'),
    failed: withStatus('failed'),
    cancelled: withStatus('cancelled'),
    under_way: count("count(*) FILTER (WHERE status IN ('initiated', 'ringing', 'answered'))"),
    minutes: { kind: 'minutes', sql: 'coalesce(sum(duration_seconds), 0) / 60.0' },
    average: { kind: 'seconds', sql: 'avg(duration_seconds)' },
    with_cost: count('count(total_cost_micros)'),
    cost: { kind: 'micros', sql: 'coalesce(sum(total_cost_micros), 0)' },
  },
} as const satisfies Source;

/** A message's time is that of its first known stage. */
export const SMS = {
  table: 'sms_messages',
  at: 'coalesce(queued_at_ms, sent_at_ms, delivered_at_ms, failed_at_ms, received_at_ms)',
  number: "CASE status WHEN 'received' THEN from_number ELSE to_number END",
  statuses: statusesOf(smsMessages),
  figures: {
    messages: count('count(*)'),
    outbound: count("count(*) FILTER (WHERE status <> 'received')"),
    delivered: withStatus('delivered'),
    failed: withStatus('failed'),
    received: withStatus('received'),
    delivery_rate: { kind: 'share', sql: DELIVERY_RATE },
    segments: count('coalesce(sum(segments), 0)'),
  },
} as const satisfies Source;

/** Some figures of a source, in this order. */
export function figuresOf<Name extends string>({ figures }: Source<Name>, ...names: Name[]): Figure[] {
  return names.map((name) => ({ name, ...figures[name] }));
}

/** The columns of a SELECT. */
export function columnList(columns: readonly Pick<Figure, 'name' | 'sql'>[], separator = ', '): string {
  return columns.map(({ name, sql }) => (sql === name ? name : `${sql} AS ${name}`)).join(separator);
}
