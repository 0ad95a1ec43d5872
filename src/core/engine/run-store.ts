/** The state of the consumers: each one's position in the log, and its failed runs. Errors are EngineErrors. */

/** A consumer's progress in the log. */
export interface Position {
  /** Each event up to this one has been handled, was skipped, or has a failed run. */
  readonly seq: number;
  /** That event's chain link, to check that the log is still the same. Empty for seq 0. */
  readonly chain: Uint8Array;
  /** Increased when a person moves the position, so that earlier runs cannot move it back. */
  readonly generation: number;
}

/** A consumer's position and its numbers of failed runs. */
export interface ConsumerState extends Position {
  readonly name: string;
  /** Written by the process that runs the consumers; meaningless if no process does. */
  readonly state: 'running' | 'held up' | 'stopped';
  /** When it last ran, milliseconds since 1970; null if unknown. */
  readonly ranAtMs: number | null;
  /** Failed runs that will be retried. */
  readonly waiting: number;
  readonly dead: number;
}

export interface FailedRun {
  readonly consumer: string;
  readonly seq: number;
  /** Number of failed attempts. */
  readonly attempts: number;
  readonly error: string;
  readonly failedAtMs: number;
  /** Milliseconds since 1970; null if the run is dead and is not retried. */
  readonly nextAtMs: number | null;
  /** It was in progress, with others, when the thread died. It must run alone, to find out whether it is the cause. */
  readonly isAlone: boolean;
}

/** Changes since the last write. */
export interface RunChanges {
  readonly position: Position;
  readonly failed: readonly FailedRun[];
  /** Runs that had failed before and have now succeeded. */
  readonly ended: readonly number[];
}

export interface RunStore {
  /** A value that changes when another connection writes to the store. */
  version(): Promise<unknown>;
  position(consumer: string): Promise<Position | undefined>;
  /** Sets a consumer's position, or creates the consumer. Runs in progress can no longer move the position. */
  moveTo(consumer: string, seq: number, chain: Uint8Array): Promise<void>;
  /** Makes every event from `from` on run again, and forgets failed runs from there on. */
  replayFrom(consumer: string, from: number, chain: Uint8Array): Promise<void>;
  /** Forgets a consumer's failed runs of events after `seq`. */
  forgetAfter(consumer: string, seq: number): Promise<void>;
  /**
   * If a person has moved the position in the meantime, results of later events are dropped: those events run again.
   * @returns false if the position was moved by someone else; then it is not written
   */
  write(consumer: string, changes: RunChanges): Promise<boolean>;
  /** Due runs, longest overdue first. */
  due(consumer: string, nowMs: number, limit: number): Promise<FailedRun[]>;
  /** When the next run becomes due; undefined if there is none. */
  nextAtMs(consumer: string, nowMs: number): Promise<number | undefined>;
  /** Stores whether a consumer is running or held up. @param nowMs stored as its last run only if it is running */
  setState(consumer: string, state: 'running' | 'held up', nowMs: number): Promise<void>;
  /** Marks all consumers as stopped. The process that runs them then marks its own. */
  stopAll(): Promise<void>;
  /**
   * Lets a consumer run again after a long absence.
   * @param from undefined to continue at its position; otherwise it continues after this event, and its failed runs
   *   become dead
   */
  resume(
    consumer: string,
    from: { readonly seq: number; readonly chain: Uint8Array } | undefined,
    nowMs: number,
  ): Promise<void>;
  consumer(name: string): Promise<ConsumerState | undefined>;
  consumers(): Promise<ConsumerState[]>;
  failedRun(consumer: string, seq: number): Promise<FailedRun | undefined>;
  failedSeqsAfter(consumer: string, seq: number): Promise<number[]>;
  /** At most `limit` failed runs, in the order of the log. */
  failed(limit: number): Promise<FailedRun[]>;
  /** Makes failed runs due now and resets their attempts. @param seqs undefined for all @returns how many */
  retry(seqs: readonly number[] | undefined, nowMs: number): Promise<number>;
  /** Forgets failed runs, so that they are not retried. @returns how many */
  skip(seqs: readonly number[]): Promise<number>;
  close(): Promise<void>;
}
