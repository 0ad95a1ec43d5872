/**
 * A table of calls, messages or recordings, whose events have a rank. The event of the highest rank decides the status,
 * and each event type has a milestone: a column with the time of such an event.
 */

import type { EventContent } from '../core/event/event.ts';
import { statusOf, type TabledType } from '../core/event/event-types.ts';
import type { Row } from '../core/tables/projection.ts';
import { type Column, type Columns, computed, type RowOf, type Table, table } from './columns.ts';
import {
  emptyRow,
  isLater,
  type Milestone,
  type SettledColumn,
  settle,
  settledColumns,
  VALUE_TIMES,
} from './settle.ts';

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
  /** The key of an event's row, if it is not simply the value of the key column. @throws FieldError */
  readonly keyOf?: (event: EventContent) => string;
  /** Sets the columns that follow from the others. */
  readonly compute?: (row: RowOf<C>) => void;
}

export function lifecycleTable<C extends Columns>(options: Options<C>): Table<C & typeof LIFE> {
  const { name, version, about, ranks, columns, keyOf, compute } = options;
  const declared = { ...columns, ...LIFE };
  const [keyName, keyColumn] = Object.entries(columns)[0] as [string, Column];
  const settled = settledColumns(declared);
  const empty: Row = emptyRow(declared, settled);
  const effects = new Map<string | undefined, Effect>();
  for (const [rank, types] of ranks.entries())
    for (const type of types) effects.set(type, effectOf(type, rank, columns, settled));
  const rankOf = new Map([...effects.values()].map(({ status, rank }) => [status, rank]));

  return table(declared, {
    name,
    version,
    about,
    ranks,

    keyOf(event) {
      if (!effects.has(event.tabled)) return undefined;
      return keyOf === undefined ? (keyColumn.read(event.fields) as string) : keyOf(event);
    },

    fold(before, event, key) {
      const { tabled, fields, occurredAtMs, seq } = event;
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
      const heldRank = rankOf.get(row.status) ?? 0;
      if (rank === heldRank ? isLater(occurredAtMs, status, row.status_at_ms, row.status) : rank > heldRank) {
        row.status = status;
        row.status_at_ms = occurredAtMs;
      }
      row.event_count += 1;
      row.first_seq = Math.min(row.first_seq, seq);
      row.last_seq = Math.max(row.last_seq, seq);
      settle(row, settled, fields, occurredAtMs, milestone);
      compute?.(row as RowOf<C & typeof LIFE>);
      return row as RowOf<C & typeof LIFE>;
    },
  });
}

/** What an event of one type does to its row. */
interface Effect {
  readonly status: string;
  readonly rank: number;
  readonly milestone: Milestone;
  readonly settled: readonly SettledColumn[];
}

function effectOf(
  type: TabledType,
  rank: number,
  columns: Columns,
  settled: readonly SettledColumn[],
): Effect {
  const name = Object.keys(columns).find((each) => columns[each]?.milestoneOf?.includes(type));
  if (name === undefined) throw new Error(`${type} has no milestone`);
  return {
    status: statusOf(type),
    rank,
    milestone: { name, index: settled.find((each) => each.name === name)?.index ?? -1 },
    settled: settled.filter(({ types }) => types === 'all' || types.includes(type)),
  };
}

/** All statuses of a table, by rank. */
export function statusesOf({ ranks = [] }: Pick<Table, 'ranks'>): string[] {
  return ranks.flat().map(statusOf);
}
