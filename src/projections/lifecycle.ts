/**
 * A table of calls, messages or recordings, whose events have a rank. The event of the highest rank decides the status,
 * and each event type has a milestone: the earliest time of its events.
 */

import type { TabledType } from '../core/event/event-types.ts';
import type { Row } from '../core/tables/projection.ts';
import { type Column, type Columns, computed, type RowOf, type Table, table } from './columns.ts';
import { emptyRow, isLater, type SettledColumn, settle, settledColumns, VALUE_TIMES } from './settle.ts';

/** Its place among the columns is the projection's choice. */
export const STATUS = computed('TEXT', 'The event type without its family.', 'rank');

/** The last columns of every table with a lifecycle. */
const LIFE = {
  event_count: computed('INTEGER', 'How many events the row is made of.'),
  first_seq: computed('INTEGER', 'The `seq` of the first of them to arrive.'),
  last_seq: computed('INTEGER', 'The `seq` of the last of them to arrive.'),
  status_at_ms: computed('INTEGER', 'When the event of the status occurred.', 'internal'),
  ...VALUE_TIMES,
};

type LifeRow = Row & RowOf<typeof LIFE & { status: typeof STATUS }>;

interface Options<C extends Columns> extends Pick<Table<C>, 'name' | 'version' | 'about'> {
  /** The event types by rank, ascending. */
  readonly ranks: readonly (readonly TabledType[])[];
  readonly columns: C;
  /**
   * Columns that are read before the others, in this order. A failure names the first unusable value, and recorded
   * events must keep their failures.
   */
  readonly readFirst?: readonly (keyof C & string)[];
}

export function lifecycleTable<C extends Columns>(options: Options<C>): Table<C & typeof LIFE> {
  const { name, version, about, ranks, columns, readFirst = [] } = options;
  const declared = { ...columns, ...LIFE };
  const [keyName, keyColumn] = Object.entries(columns)[0] as [string, Column];
  const settled = settledColumns(declared);
  const empty: Row = emptyRow(declared, settled);
  const first = readFirst.flatMap((name) => settled.filter((column) => column.name === name));
  const readInOrder = [...new Set([...first, ...settled])];
  const effects = new Map<string | undefined, Effect>();
  for (const [rank, types] of ranks.entries())
    for (const type of types) effects.set(type, effectOf(type, rank, columns, readInOrder));
  const rankOf = new Map([...effects.values()].map(({ status, rank }) => [status, rank]));

  return table(declared, {
    name,
    version,
    about,
    ranks,

    keyOf({ tabled, fields }) {
      return effects.has(tabled) ? (keyColumn.read(fields) as string) : undefined;
    },

    fold(before, { tabled, fields, occurredAtMs, seq }, key) {
      const { status, rank, milestone, settled } = effects.get(tabled) as Effect; // keyOf() lets no other type in
      const row = { ...(before ?? empty) } as LifeRow;
      if (before === undefined) {
        row[keyName] = key;
        row.status = status;
        row.status_at_ms = occurredAtMs;
        row.event_count = 0;
        row.first_seq = seq;
        row.last_seq = seq;
      }
      const atMs = milestone.read(fields) ?? occurredAtMs;
      row[milestone.name] = Math.min(Number(row[milestone.name] ?? atMs), Number(atMs));
      const heldRank = rankOf.get(row.status) ?? 0;
      if (rank === heldRank ? isLater(occurredAtMs, status, row.status_at_ms, row.status) : rank > heldRank) {
        row.status = status;
        row.status_at_ms = occurredAtMs;
      }
      row.event_count += 1;
      row.first_seq = Math.min(row.first_seq, seq);
      row.last_seq = Math.max(row.last_seq, seq);
      settle(row, settled, fields, occurredAtMs);
      return row as RowOf<C & typeof LIFE>;
    },
  });
}

/** What an event of one type does to its row. */
interface Effect {
  readonly status: string;
  readonly rank: number;
  readonly milestone: Pick<SettledColumn, 'name' | 'read'>;
  readonly settled: readonly SettledColumn[];
}

function effectOf(
  type: TabledType,
  rank: number,
  columns: Columns,
  settled: readonly SettledColumn[],
): Effect {
  const isOf = ({ types }: Pick<Column, 'types'>) => types === 'all' || types.includes(type);
  const milestone = Object.entries(columns).find(
    ([, column]) => column.settles === 'earliest' && isOf(column),
  );
  if (milestone === undefined) throw new Error(`${type} has no milestone`);
  return {
    status: statusOf(type),
    rank,
    milestone: { name: milestone[0], read: milestone[1].read },
    settled: settled.filter(isOf),
  };
}

/** The status that an event of this type means: the type without its family. */
export function statusOf(type: TabledType): string {
  return type.slice(type.indexOf('.') + 1);
}

/** All statuses of a table, by rank. */
export function statusesOf({ ranks = [] }: Pick<Table, 'ranks'>): string[] {
  return ranks.flat().map(statusOf);
}
