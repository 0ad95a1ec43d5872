/**
 * Explains why a row has its values: folds its events again one by one and finds the event that set each column.
 */

import type { Reader } from '../engine/reader.ts';
import { type Failure, PARSE_STAGE, WRITER_STAGE } from '../event/recorded-event.ts';
import { EXPLAIN_EVENTS_MAX, EXPLAIN_RANGE_EVENTS_MAX } from '../limits.ts';
import { foldEvent } from '../tables/fold.ts';
import { prepareRecorded } from '../tables/prepare.ts';
import type { Projection, Row, Value } from '../tables/projection.ts';

/** A row of a table, by its key. */
export interface RowKey {
  readonly table: string;
  readonly key: string;
}

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

export interface Explanation extends RowKey {
  /** In the order of the log. */
  readonly events: readonly ExplainedEvent[];
  /** The columns that have a value, in the table's order. */
  readonly columns: readonly ExplainedColumn[];
  /** Columns in which the table has another value: the table lags, or not all events were read. */
  readonly differing: readonly string[];
  /** Earlier events were not read, because there were too many; 1 if all were read. */
  readonly lookedAtFrom: number;
}

/** Internal columns that record when other columns got their values. */
const INNER_COLUMNS = new Set(['value_times_ms', 'status_at_ms']);

export class Explainer {
  readonly #reader: Reader;
  readonly #projections: readonly Projection[];
  readonly #rangeEventsMax: number;

  constructor(
    reader: Reader,
    projections: readonly Projection[],
    rangeEventsMax: number = EXPLAIN_RANGE_EVENTS_MAX,
  ) {
    this.#reader = reader;
    this.#projections = projections;
    this.#rangeEventsMax = rangeEventsMax;
  }

  /** The rows that an event belongs to, even if it could not be folded into them. */
  async rowsOf(seq: number): Promise<RowKey[]> {
    const [recorded] = await this.#reader.forHandlers(seq - 1, 1);
    if (recorded?.seq !== seq) return [];
    return prepareRecorded(recorded, this.#projections).rows.flatMap(({ projection, key }) =>
      key === undefined ? [] : [{ table: projection.name, key }],
    );
  }

  /** @returns undefined if there is neither a row nor an event for it */
  async explain(row: RowKey): Promise<Explanation | undefined> {
    // In one snapshot, so that the row matches its events.
    return this.#reader.atOneMoment((moment) => this.#explained(moment, row));
  }

  async #explained(moment: Reader, { table, key }: RowKey): Promise<Explanation | undefined> {
    const projection = this.#projections.find(({ name }) => name === table);
    if (projection === undefined) return undefined;
    const held = await moment.row(projection, key);
    const { seqs, lookedAtFrom } = await this.#seqsOf(moment, projection, key, held);
    const events: ExplainedEvent[] = [];
    const setBy = new Map<string, number>();
    let row: Row | undefined;
    for (const seq of seqs) {
      const [recorded] = await moment.forHandlers(seq - 1, 1);
      if (recorded?.seq !== seq) continue;
      const { content, rows } = prepareRecorded(recorded, [projection]);
      if (content === undefined || rows[0]?.key !== key) continue;
      const failure = failureFor(table, await moment.failuresOf(seq));
      const { type, occurredAtMs } = content;
      events.push({ seq, type, occurredAtMs, receivedAtMs: recorded.receivedAtMs, failure });
      if (failure !== null) continue;
      const folded = foldEvent(projection, row, { ...content, seq }, key);
      if ('error' in folded) continue;
      for (const [name, value] of Object.entries(folded.row))
        if (value !== (row?.[name] ?? null)) setBy.set(name, seq);
      row = folded.row;
    }
    if (events.length === 0 && held === undefined) return undefined;
    const columns = columnsOf(projection, row ?? {}, setBy);
    const differing = Object.keys(projection.columns).filter(
      (name) => !INNER_COLUMNS.has(name) && (held?.[name] ?? null) !== (row?.[name] ?? null),
    );
    return { table, key, events, columns, differing, lookedAtFrom };
  }

  /** Events that may belong to a row, in the order of the log. */
  async #seqsOf(
    moment: Reader,
    { name, columns }: Projection,
    key: string,
    row: Row | undefined,
  ): Promise<{ readonly seqs: readonly number[]; readonly lookedAtFrom: number }> {
    const seqs: number[] = [];
    for (const stage of [name, WRITER_STAGE])
      seqs.push(...(await moment.failedNaming(stage, key, EXPLAIN_EVENTS_MAX)));
    let lookedAtFrom = 1;
    if (row !== undefined) {
      const upTo = Number(row['last_seq']);
      const first = 'first_seq' in columns ? Number(row['first_seq']) : 1;
      const from = Math.max(first, upTo - this.#rangeEventsMax + 1);
      if (from > first) lookedAtFrom = from;
      seqs.push(...(await moment.naming(key, from, upTo, EXPLAIN_EVENTS_MAX)));
    }
    return { seqs: [...new Set(seqs)].sort((one, other) => one - other), lookedAtFrom };
  }
}

/** Why the table of a projection does not have an event, by what `failures` records for it; null if it has no reason. */
function failureFor(projection: string, failures: readonly Failure[]): string | null {
  const stages = [PARSE_STAGE, WRITER_STAGE, projection];
  return failures.find(({ stage }) => stages.includes(stage))?.error ?? null;
}

function columnsOf(projection: Projection, row: Row, setBy: ReadonlyMap<string, number>): ExplainedColumn[] {
  return Object.keys(projection.columns).flatMap((name) => {
    const seq = setBy.get(name);
    return seq === undefined || INNER_COLUMNS.has(name) ? [] : [{ name, value: row[name] ?? null, seq }];
  });
}
