/**
 * What keeps the log and its tables. An engine decides nothing: what an event means, what a batch writes and how it
 * folds into rows are pure functions in core/event and core/tables. All errors of the storage are EngineErrors.
 */

import type { Recorded } from '../event/delivery.ts';
import type { Head } from '../event/recorded-event.ts';
import type { PreparedDelivery } from '../tables/prepare.ts';
import type { Projection } from '../tables/projection.ts';
import type { Reader } from './reader.ts';
import type { ConsumerState, RunStore } from './run-store.ts';

export interface Engine {
  /** The database in messages: without any secret. */
  readonly location: string;
  /** The projections whose tables it keeps. */
  readonly projections: readonly Projection[];
  /**
   * Creates what is missing, and updates a database that an older version of this program made. Call it once per
   * process, before anything is opened for writing; nothing may be open meanwhile.
   * @param note gets lines for the operator: why it takes long, and how to go back
   */
  create(note?: (text: string) => void): Promise<void>;
  /** Opens the connection that appends. What was acknowledged before is durable when it returns. */
  openWriter(): Promise<EngineWriter>;
  openReader(): Promise<Reader>;
  /**
   * Opens a reader that shows the log and its tables as they were when the log ended with `seq`. Views still show the
   * live tables. Writes nothing to the database.
   */
  openReaderAsOf(seq: number, onProgress: OnProgress): Promise<Reader>;
  /** Opens the state of the consumers, and creates it if there is none. */
  openRuns(): Promise<RunStore>;
  /** The consumers of a log that has any; empty if none has ever run. Creates and changes nothing. */
  consumers(): Promise<readonly ConsumerState[]>;
  /** @returns a function that gives the lead up; undefined if another process runs the consumers of this log */
  leadRuns(): Promise<(() => Promise<void>) | undefined>;
  /** Rebuilds tables while others write. Of several at once, the later ones fail with `under-way`. */
  rebuild(options: RebuildOptions): Promise<RebuildResult>;
  /**
   * Copies the log and the state of the consumers into new files, builds the tables there, and checks all of it.
   * @throws EngineError `refused` if the backup was not made: partial files have been removed
   */
  backup(options: BackupOptions): Promise<BackupResult>;
  /** Compares the tables with the log, and writes nothing. */
  check(onProgress?: OnProgress): Promise<TablesCheck>;
  /** What the storage takes, in bytes; undefined for what does not exist. */
  sizes(): Promise<Sizes>;
}

export type OnProgress = (done: number, total: number) => void;

/** The connection that appends; one per process. */
export interface EngineWriter {
  /**
   * Appends either all deliveries or none of them, and folds them into the tables.
   * @returns after the commit is durable
   * @throws EngineError; after `lost` the writer must not be used again
   */
  append(batch: readonly PreparedDelivery[]): Promise<BatchResult>;
  /** Call it when a batch has been answered. @returns a problem that the next call may solve, for the operator */
  idle(): Promise<string | undefined>;
  /** A small real write, to find out whether storage works again. */
  probe(): Promise<void>;
  /** Shortens all waits: close() will follow. */
  drain(): void;
  /** @returns the final head, and a problem with closing that does not endanger it */
  close(): Promise<{ readonly head: Head; readonly problem: string | undefined }>;
}

export interface BatchResult {
  /** One per delivery, in order. */
  readonly outcomes: readonly Recorded[];
  /** The log's last event after the batch. */
  readonly head: Head;
  /** Projections whose table lacks events: made by another version of the code, or not yet caught up. */
  readonly lagging: readonly string[];
  /** Whether one of them has this code's version and only lacks events that a later append will fold in. */
  readonly isBehind: boolean;
  /** Why a table could not be brought up to date now, if storage is not the reason; for the operator. */
  readonly defect?: string;
}

export interface RebuildOptions {
  readonly projections: readonly Projection[];
  /** Called after each piece of work. `fold` counts events, `clean` counts rows. */
  readonly onProgress?: (phase: RebuildPhase, done: number, total: number) => void;
}

export type RebuildPhase = 'fold' | 'clean';

export interface RebuildResult {
  /** The tables reflect the log up to this event. */
  readonly seq: number;
  /** Number of rows by projection. */
  readonly rows: Readonly<Record<string, number>>;
  readonly failures: number;
}

export interface BackupOptions {
  /** Must not exist yet. */
  readonly targetPath: string;
  readonly onProgress: (step: 'copying' | 'tables' | 'checking', done: number, total: number) => void;
}

export interface BackupResult {
  /** The last event in the backup. */
  readonly head: Head;
  /** Path of the copied state of the consumers; undefined if there is no such state. */
  readonly runsPath: string | undefined;
  /** The user's own tables, which are not in the backup. */
  readonly leftOut: readonly string[];
}

export interface TableCheck {
  readonly name: string;
  readonly rows: number;
  /** One line per difference, at most DIFFERENCES_LISTED_MAX lines. */
  readonly differences: readonly string[];
  /** All differences, including those not listed. */
  readonly differenceCount: number;
}

/** The result of a comparison. */
export interface TablesCheck {
  /** The log's last event when the tables were compared. */
  readonly seq: number;
  /** One check per projection and one for `failures`; the tables are correct if every difference count is 0. */
  readonly checks: readonly TableCheck[];
  /** Events that are in the log but not folded. They are not differences: a rebuild folds them. */
  readonly unfolded: readonly number[];
}

export interface Sizes {
  readonly database: number | undefined;
  readonly wal: number | undefined;
  /** The state of the consumers. */
  readonly runs: number | undefined;
}
