/** The state of the consumers: each one's position in the log, and its unfinished events. Errors are EngineErrors. */

/** A consumer's progress in the log. */
export interface Position {
  /** Each event up to this one has been handled, was skipped, or is stored as unfinished. */
  readonly seq: number;
  /** That event's chain link, to check that the log is still the same. Empty for seq 0. */
  readonly chain: Uint8Array;
  /** Increased when a person moves the position, so that runs from before cannot move it back. */
  readonly generation: number;
}

/** A consumer's position and the numbers of its unfinished events. */
export interface ConsumerState extends Position {
  readonly name: string;
  /** Written by the process that runs the consumers; meaningless if no process does. */
  readonly state: 'running' | 'held up' | 'stopped';
  /** When it last ran, milliseconds since 1970; null if unknown. */
  readonly ranAtMs: number | null;
  /** Events whose last run has failed and that will be retried. */
  readonly waiting: number;
  /** Events that wait for an earlier one of their subject. */
  readonly blocked: number;
  /** Events that are not retried unless a person asks for it. */
  readonly dead: number;
}

/** An event of a consumer. */
export interface EventKey {
  readonly seq: number;
  /** What the event is about; null if it waits for no other. */
  readonly subject: string | null;
}

/**
 * An event that a consumer is not done with: its last run has failed, or it is blocked. It is blocked as long as its
 * subject has an earlier unfinished event that is not dead; the store works that out.
 */
export interface UnfinishedEvent extends EventKey {
  readonly consumer: string;
  /** Number of failed runs. */
  readonly attempts: number;
  readonly error: string;
  /** When its last run failed, or when it was stored. */
  readonly failedAtMs: number;
  /** When it is due, milliseconds since 1970; null if it is dead. */
  readonly nextAtMs: number | null;
}

/** An unfinished event that is not blocked, and how many it blocks. */
export interface FailedEvent extends UnfinishedEvent {
  readonly blocks: number;
}

/** Changes since the last write. */
export interface ConsumerChanges {
  readonly position: Position;
  readonly unfinished: readonly UnfinishedEvent[];
  /** Events that were unfinished and are done now. */
  readonly done: readonly EventKey[];
}

export interface RunStore {
  /** A value that changes when another connection writes to the store. */
  version(): Promise<unknown>;
  consumer(name: string): Promise<ConsumerState | undefined>;
  consumers(): Promise<ConsumerState[]>;
  /**
   * Sets a consumer's position, or creates the consumer. All later events run again: none of them is unfinished any
   * more, and runs in progress can no longer move the position.
   */
  moveTo(consumer: string, seq: number, chain: Uint8Array): Promise<void>;
  /** Forgets a consumer's unfinished events after `seq`. */
  forgetAfter(consumer: string, seq: number): Promise<void>;
  /**
   * If a person has moved the position in the meantime, results of later events are dropped: those events run again.
   * @returns false if the position was moved by someone else; then it is not written
   */
  write(consumer: string, changes: ConsumerChanges): Promise<boolean>;
  /** Due events that are not blocked, longest overdue first. */
  due(consumer: string, nowMs: number, limit: number): Promise<UnfinishedEvent[]>;
  /** When the next event becomes due that is not blocked; undefined if there is none. */
  nextAtMs(consumer: string, nowMs: number): Promise<number | undefined>;
  /** Whether an event would be blocked if it were stored as unfinished. */
  isBlocked(consumer: string, event: EventKey): Promise<boolean>;
  /** A consumer's unfinished events after `seq`, in the order of the log. */
  unfinishedAfter(consumer: string, seq: number, limit?: number): Promise<UnfinishedEvent[]>;
  /** Stores whether a consumer is running or held up. @param nowMs stored as its last run only if it is running */
  setState(consumer: string, state: 'running' | 'held up', nowMs: number): Promise<void>;
  /** For the process that will run the consumers: marks all as stopped. It then marks its own. */
  takeOver(): Promise<void>;
  /**
   * Lets a consumer run again after a long absence.
   * @param from undefined to continue at its position; otherwise it continues after this event, and its unfinished
   *   events become dead
   */
  resume(
    consumer: string,
    from: { readonly seq: number; readonly chain: Uint8Array } | undefined,
    nowMs: number,
  ): Promise<void>;
  /** At most `limit` unfinished events that are not blocked, in the order of the log. */
  failed(limit: number): Promise<FailedEvent[]>;
  /** Makes events that are not blocked due now, with all their attempts. @param seqs undefined for all @returns how many */
  retry(seqs: readonly number[] | undefined, nowMs: number): Promise<number>;
  /** Forgets unfinished events, so that they are not tried again. @returns how many */
  skip(seqs: readonly number[]): Promise<number>;
  close(): Promise<void>;
}
