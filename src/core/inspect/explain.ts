/**
 * Explains why a row has its values: folds its events again one by one and finds the event that set each column.
 */

import type { Reader } from '../engine/reader.ts';
import { PARSE_STAGE, verdictOf, WRITER_STAGE } from '../event/recorded-event.ts';
import { EXPLAIN_EVENTS_MAX, EXPLAIN_RANGE_EVENTS_MAX } from '../limits.ts';
import { foldEvent } from '../tables/fold.ts';
import { prepareRecorded } from '../tables/prepare.ts';
import type { Projection, Row } from '../tables/projection.ts';

/** Of one row. */
export type Explanation = NonNullable<Awaited<ReturnType<typeof explain>>>;

/** Finds what events may contain instead of the key of a row. */
export type KeyTexts = (reader: Reader, projection: Projection, key: string) => Promise<readonly string[]>;

/**
 * Explains the rows that an event belongs to, even if it could not be folded into them.
 * @param keyTexts as for explain()
 */
export async function explainEvent(
  reader: Reader,
  projections: readonly Projection[],
  seq: number,
  keyTexts?: KeyTexts,
): Promise<Explanation[]> {
  const [recorded] = await reader.forHandlers(seq - 1, 1);
  const explanations: Explanation[] = [];
  if (recorded?.seq === seq)
    for (const { projection, key } of prepareRecorded(recorded, projections).rows) {
      const explanation = key === undefined ? undefined : await explain(reader, projection, key, keyTexts);
      if (explanation !== undefined) explanations.push(explanation);
    }
  return explanations;
}

/**
 * Explains one row.
 * @param keyTexts for keys that events do not state as they are
 * @param rangeEventsMax how many events of the log before the row's last one are searched
 * @returns undefined if there is neither a row nor an event for it
 */
export function explain(
  reader: Reader,
  projection: Projection,
  key: string,
  keyTexts: KeyTexts = async () => [],
  rangeEventsMax: number = EXPLAIN_RANGE_EVENTS_MAX,
) {
  const { name: table, columns: all } = projection;
  // In one snapshot, so that the row matches its events.
  return reader.inSnapshot(async (snapshot) => {
    const held = await snapshot.row(projection, key);
    const texts = new Set([...textsIn(key), ...(await keyTexts(snapshot, projection, key))]);
    const { seqs, readFrom } = await seqsOf(snapshot, projection, texts, held, rangeEventsMax);
    const events = [];
    const setBy = new Map<string, number>();
    let row: Row | undefined;
    for (const seq of seqs) {
      const [recorded] = await snapshot.forHandlers(seq - 1, 1);
      if (recorded?.seq !== seq) continue;
      const { content, rows } = prepareRecorded(recorded, [projection]);
      if (content === undefined || rows[0]?.key !== key) continue;
      const failures = await snapshot.failuresOf(seq);
      const { error, warnings } = verdictOf(
        failures.filter(({ stage }) => [PARSE_STAGE, WRITER_STAGE, table].includes(stage)),
      );
      events.push({
        seq,
        /** As sent. */
        type: content.type,
        occurredAtMs: content.occurredAtMs,
        receivedAtMs: recorded.receivedAtMs,
        /** Why it changed nothing, if it failed. */
        failure: error,
        /** Which of its values were left out. */
        warnings,
      });
      if (error !== null) continue;
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
      /** In the order of the log. */
      events,
      /** The columns that have a value, in the table's order, and the event that gave them this value. */
      columns: names.flatMap((name) => {
        const seq = setBy.get(name);
        return seq === undefined ? [] : [{ name, value: row?.[name] ?? null, seq }];
      }),
      /** Columns in which the table has another value: the table lags, or not all events were read. */
      differing: names.filter((name) => (held?.[name] ?? null) !== (row?.[name] ?? null)),
      /** Earlier events were not read, because there were too many; 1 if all were read. */
      readFrom,
    };
  });
}

/** A key that is shortened, or that consists of several values, begins with what events state, followed by `#`. */
function textsIn(key: string): string[] {
  const start = key.slice(0, Math.max(0, key.lastIndexOf('#')));
  return start === '' ? [key] : [key, start];
}

/** Events that may belong to a row, in the order of the log. */
async function seqsOf(
  reader: Reader,
  { name, columns }: Projection,
  texts: ReadonlySet<string>,
  row: Row | undefined,
  rangeEventsMax: number,
) {
  const seqs = new Set<number>();
  for (const stage of [name, WRITER_STAGE])
    for (const text of texts)
      for (const seq of await reader.failedNaming(stage, text, EXPLAIN_EVENTS_MAX)) seqs.add(seq);
  let readFrom = 1;
  if (row !== undefined) {
    const upTo = Number(row['last_seq']);
    const first = columns.some((column) => column.name === 'first_seq') ? Number(row['first_seq']) : 1;
    const from = Math.max(first, upTo - rangeEventsMax + 1);
    if (from > first) readFrom = from;
    seqs.add(upTo); // however it states the key
    for (const text of texts)
      for (const seq of await reader.naming(text, from, upTo, EXPLAIN_EVENTS_MAX)) seqs.add(seq);
  }
  return { seqs: [...seqs].sort((one, other) => one - other), readFrom };
}
