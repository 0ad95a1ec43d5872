/** The state of the consumers: each one's position in the log, and its runs that are not done. Errors are EngineErrors. */

/** A consumer's progress in the log. */
export interface Position {
  /** Each event up to this one has been handled, was skipped, or has a stored run. */
  readonly seq: number;
  /** That event's chain link, to check that the log is still the same. Empty for seq 0. */
  readonly chain: Uint8Array;
  /** Increased when a person moves the position, so that earlier runs cannot move it back. */
  readonly generation: number;
}

/** A consumer's position and the numbers of its stored runs. */
export interface ConsumerState extends Position {
  readonly name: string;
  /** Written by the process that runs the consumers; meaningless if no process does. */
  readonly state: 'running' | 'held up' | 'stopped';
  /** When it last ran, milliseconds since 1970; null if unknown. */
  readonly ranAtMs: number | null;
  /** Failed runs that will be retried. */
  readonly waiting: number;
  /** Runs that wait for an earlier one of their subject. */
  readonly blocked: number;
  readonly dead: number;
}

/** An event of a consumer. */
export interface RunKey {
  readonly seq: number;
  /** What the event is about; null if its run waits for no other. */
  readonly subject: string | null;
}

/**
 * A run that is not done: it has failed, or it is blocked. A run is blocked as long as its subject has an earlier stored
 * run that is not dead; the store works that out.
 */
export interface StoredRun extends RunKey {
  readonly consumer: string;
  /** Number of failed attempts. */
  readonly attempts: number;
  readonly error: string;
  /** When it failed, or was stored. */
  readonly failedAtMs: number;
  /** Milliseconds since 1970; null if the run is dead and is not retried. */
  readonly nextAtMs: number | null;
}

/** A failed run, and how many runs it blocks. */
export interface FailedRun extends StoredRun {
  readonly blocks: number;
}

/** Changes since the last write. */
export interface RunChanges {
  readonly position: Position;
  readonly runs: readonly StoredRun[];
  /** Stored runs that are done. */
  readonly ended: readonly RunKey[];
}

export interface RunStore {
  /** A value that changes when another connection writes to the store. */
  version(): Promise<unknown>;
  consumer(name: string): Promise<ConsumerState | undefined>;
  consumers(): Promise<ConsumerState[]>;
  /**
   * Sets a consumer's position, or creates the consumer. All later events run again: their stored runs are forgotten,
   * and runs in progress can no longer move the position.
   */
  moveTo(consumer: string, seq: number, chain: Uint8Array): Promise<void>;
  /** Forgets a consumer's stored runs of events after `seq`. */
  forgetAfter(consumer: string, seq: number): Promise<void>;
  /**
   * If a person has moved the position in the meantime, results of later events are dropped: those events run again.
   * @returns false if the position was moved by someone else; then it is not written
   */
  write(consumer: string, changes: RunChanges): Promise<boolean>;
  /** Due runs that are not blocked, longest overdue first. */
  due(consumer: string, nowMs: number, limit: number): Promise<StoredRun[]>;
  /** When the next run becomes due that is not blocked; undefined if there is none. */
  nextAtMs(consumer: string, nowMs: number): Promise<number | undefined>;
  /** Whether a run would be blocked if it were stored. */
  isBlocked(consumer: string, run: RunKey): Promise<boolean>;
  /** A consumer's stored runs of events after `seq`, in the order of the log. */
  runsAfter(consumer: string, seq: number, limit?: number): Promise<StoredRun[]>;
  /** Stores whether a consumer is running or held up. @param nowMs stored as its last run only if it is running */
  setState(consumer: string, state: 'running' | 'held up', nowMs: number): Promise<void>;
  /** For the process that will run the consumers: marks all as stopped. It then marks its own. */
  takeOver(): Promise<void>;
  /**
   * Lets a consumer run again after a long absence.
   * @param from undefined to continue at its position; otherwise it continues after this event, and its stored runs
   *   become dead
   */
  resume(
    consumer: string,
    from: { readonly seq: number; readonly chain: Uint8Array } | undefined,
    nowMs: number,
  ): Promise<void>;
  /** At most `limit` runs that are not blocked, in the order of the log. */
  failed(limit: number): Promise<FailedRun[]>;
  /** Makes runs that are not blocked due now and resets their attempts. @param seqs undefined for all @returns how many */
  retry(seqs: readonly number[] | undefined, nowMs: number): Promise<number>;
  /** Forgets stored runs, so that they are not tried again. @returns how many */
  skip(seqs: readonly number[]): Promise<number>;
  close(): Promise<void>;
}
