/** What people and handlers read from a log and its tables. All of it is asynchronous, whatever the engine. */

import type { Failure, HandlerEvent, Head, StoredEvent } from '../event/recorded-event.ts';
import type { Projection, Row } from '../tables/projection.ts';
import type { TableProblem } from '../tables/table-problem.ts';

/** A value that SQL takes or gives. */
export type SqlValue = string | number | null | Uint8Array;

/** One piece of a search, newest first. Undefined means no condition. */
export interface SearchPiece {
  /** Inclusive. */
  readonly from: number;
  /** Exclusive. */
  readonly before: number;
  readonly limit: number;
  /** The type as sent must be one of these. */
  readonly types: readonly string[] | undefined;
  /** The type as sent must begin with this. */
  readonly typePrefix: string | undefined;
  /** The body must have this text or number as a value. */
  readonly subject: string | undefined;
  readonly failedOnly: boolean;
}

export interface FoundEvent {
  readonly seq: number;
  readonly type: string | null;
  readonly receivedAtMs: number;
  readonly path: string;
  readonly bodyBytes: number;
  /** Why at least one table lacks it; null if none does. */
  readonly failure: string | null;
  /** Which of its values were left out. */
  readonly warnings: readonly string[];
}

export interface TimeCount {
  /** The start of the time step, as a number of steps since 1970. */
  readonly step: number;
  /** As sent. */
  readonly type: string | null;
  readonly count: number;
}

/** A connection that only reads. Errors are EngineErrors. */
export interface Reader {
  /** The last event. */
  head(): Promise<Head>;
  /** The next complete events with seq > `after`, in order: at most `limit`, and no more than are read at once. */
  stored(after: number, limit?: number): Promise<StoredEvent[]>;
  /** The next events with seq > `after`, in order: at most `limit`, and no more than are read at once. */
  forHandlers(after: number, limit: number): Promise<HandlerEvent[]>;
  /** An event's chain link; empty if there is no such event. */
  chainOf(seq: number): Promise<Uint8Array>;
  /** When an event was received; undefined if there is no such event. */
  receivedAtMs(seq: number): Promise<number | undefined>;

  /** What `failures` records for an event, ordered by error. */
  failuresOf(seq: number): Promise<readonly Failure[]>;
  /** The events with `after` < seq ≤ `upTo` that were appended but not folded. */
  unfolded(after: number, upTo: number): Promise<readonly number[]>;

  /** Newest first. */
  search(piece: SearchPiece): Promise<FoundEvent[]>;
  /** The latest events, at most `limit`, with `from` ≤ seq ≤ `upTo` whose body may contain `id`. */
  naming(id: string, from: number, upTo: number, limit: number): Promise<number[]>;
  /** Among the latest `limit` events that a stage could not use, those whose body may contain `id`. */
  failedNaming(stage: string, id: string, limit: number): Promise<number[]>;
  /** How many events with `after` < seq ≤ `upTo` arrived in each time step, by type as sent. */
  countsByTime(after: number, upTo: number, stepMs: number): Promise<TimeCount[]>;

  /** What is wrong with the tables; empty if they reflect the whole log. */
  tableProblems(): Promise<readonly TableProblem[]>;
  /** The last event that all the tables reflect. A table made by newer code counts as up to date. */
  reflectedSeq(): Promise<number>;
  /** A row of a projection's table by its key. */
  row(projection: Projection, key: string): Promise<Row | undefined>;
  /** Runs one read-only statement in the engine's SQL. @param values for its `?` parameters, in order */
  query(sql: string, ...values: readonly SqlValue[]): Promise<Record<string, unknown>[]>;

  /** What the engine finds damaged in its own storage, one line each. */
  damage(): Promise<readonly string[]>;
  /** A value that changes when anything has been committed by another connection. */
  version(): Promise<unknown>;
  /** Call it between the reads of a long series: it pauses now and then, so that the writer's storage stays small. */
  rest(): Promise<void>;
  /**
   * Gives `work` one snapshot of the log and its tables. Other calls meanwhile may see that snapshot, too. Within
   * `work`, call only the reader that it gets: this one gives its snapshots one after another.
   */
  inSnapshot<T>(work: (reader: Reader) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
