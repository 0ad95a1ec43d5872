/**
 * Explains why a row has its values: folds its events again one by one and finds the event that set each column.
 */

import type { Reader } from '../engine/reader.ts';
import { PARSE_STAGE, WRITER_STAGE } from '../event/recorded-event.ts';
import { EXPLAIN_EVENTS_MAX, EXPLAIN_RANGE_EVENTS_MAX } from '../limits.ts';
import { foldEvent } from '../tables/fold.ts';
import { prepareRecorded } from '../tables/prepare.ts';
import type { Projection, Row, Value } from '../tables/projection.ts';

export interface ExplainedEvent {
  readonly seq: number;
  /** As sent. */
  readonly type: string;
  readonly occurredAtMs: number;
  readonly receivedAtMs: number;
  /** Why it changed nothing, if it failed. */
  readonly failure: string | null;
}

export interface ExplainedColumn {
  readonly name: string;
  readonly value: Value;
  /** The event that gave it this value. */
  readonly seq: number;
}

/** Of one row. */
export interface Explanation {
  readonly table: string;
  readonly key: string;
  /** In the order of the log. */
  readonly events: readonly ExplainedEvent[];
  /** The columns that have a value, in the table's order. */
  readonly columns: readonly ExplainedColumn[];
  /** Columns in which the table has another value: the table lags, or not all events were read. */
  readonly differing: readonly string[];
  /** Earlier events were not read, because there were too many; 1 if all were read. */
  readonly readFrom: number;
}

/** Explains the rows that an event belongs to, even if it could not be folded into them. */
export async function explainEvent(
  reader: Reader,
  projections: readonly Projection[],
  seq: number,
): Promise<Explanation[]> {
  const [recorded] = await reader.forHandlers(seq - 1, 1);
  const explanations: Explanation[] = [];
  if (recorded?.seq === seq)
    for (const { projection, key } of prepareRecorded(recorded, projections).rows) {
      const explanation = key === undefined ? undefined : await explain(reader, projection, key);
      if (explanation !== undefined) explanations.push(explanation);
    }
  return explanations;
}

/**
 * Explains one row.
 * @param rangeEventsMax how many events of the log before the row's last one are searched
 * @returns undefined if there is neither a row nor an event for it
 */
export function explain(
  reader: Reader,
  projection: Projection,
  key: string,
  rangeEventsMax: number = EXPLAIN_RANGE_EVENTS_MAX,
): Promise<Explanation | undefined> {
  const { name: table, columns: all } = projection;
  // In one snapshot, so that the row matches its events.
  return reader.inSnapshot(async (snapshot) => {
    const held = await snapshot.row(projection, key);
    const { seqs, readFrom } = await seqsOf(snapshot, projection, key, held, rangeEventsMax);
    const events: ExplainedEvent[] = [];
    const setBy = new Map<string, number>();
    let row: Row | undefined;
    for (const seq of seqs) {
      const [recorded] = await snapshot.forHandlers(seq - 1, 1);
      if (recorded?.seq !== seq) continue;
      const { content, rows } = prepareRecorded(recorded, [projection]);
      if (content === undefined || rows[0]?.key !== key) continue;
      const failures = await snapshot.failuresOf(seq);
      const failed = failures.find(({ stage }) => [PARSE_STAGE, WRITER_STAGE, table].includes(stage));
      const { type, occurredAtMs } = content;
      const { receivedAtMs } = recorded;
      events.push({ seq, type, occurredAtMs, receivedAtMs, failure: failed?.error ?? null });
      if (failed !== undefined) continue;
      const folded = foldEvent(projection, row, { ...content, seq }, key);
      if ('error' in folded) continue;
      for (const [name, value] of Object.entries(folded.row))
        if (value !== (row?.[name] ?? null)) setBy.set(name, seq);
      row = folded.row;
    }
    if (events.length === 0 && held === undefined) return undefined;
    const names = all.flatMap(({ name, isInternal }) => (isInternal ? [] : [name]));
    return {
      table,
      key,
      events,
      columns: names.flatMap((name) => {
        const seq = setBy.get(name);
        return seq === undefined ? [] : [{ name, value: row?.[name] ?? null, seq }];
      }),
      differing: names.filter((name) => (held?.[name] ?? null) !== (row?.[name] ?? null)),
      readFrom,
    };
  });
}

/** Events that may belong to a row, in the order of the log. */
async function seqsOf(
  reader: Reader,
  { name, columns }: Projection,
  key: string,
  row: Row | undefined,
  rangeEventsMax: number,
): Promise<Pick<Explanation, 'readFrom'> & { readonly seqs: readonly number[] }> {
  const seqs = new Set<number>();
  for (const stage of [name, WRITER_STAGE])
    for (const seq of await reader.failedNaming(stage, key, EXPLAIN_EVENTS_MAX)) seqs.add(seq);
  let readFrom = 1;
  if (row !== undefined) {
    const upTo = Number(row['last_seq']);
    const first = columns.some((column) => column.name === 'first_seq') ? Number(row['first_seq']) : 1;
    const from = Math.max(first, upTo - rangeEventsMax + 1);
    if (from > first) readFrom = from;
    for (const seq of await reader.naming(key, from, upTo, EXPLAIN_EVENTS_MAX)) seqs.add(seq);
  }
  return { seqs: [...seqs].sort((one, other) => one - other), readFrom };
}
