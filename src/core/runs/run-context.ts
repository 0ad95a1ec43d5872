/** What the code of a consumer gets for a run, besides the event. */

import type { LogLevel } from '../logger.ts';

export interface RunContext {
  /** The event's type as sent: `call.canceled` also goes to `handleCallCancelled`. */
  readonly event: string;
  /** The event's number in the log. */
  readonly seq: number;
  /** Unique to this event and the same in all of its runs: 64 hex digits. */
  readonly idempotencyKey: string;
  /** 1 for the first run; higher after failures, or after a crash during a run. */
  readonly attempt: number;
  /** The endpoint that received it. */
  readonly path: string;
  /** When the sender signed it. */
  readonly signedAt: Date;
  readonly receivedAt: Date;
  /** The body that was signed, as text. */
  readonly body: string;
  /** Aborted when the run times out or the receiver shuts down: pass it to `fetch`. */
  readonly signal: AbortSignal;
  /** Writes a line to the server's log, with the event's seq. */
  readonly log: (level: LogLevel, message: string) => void;
  /** Runs a read-only query on the log and its tables. The tables reflect this event. Await the rows. */
  readonly query: (sql: string, ...values: readonly unknown[]) => Promise<Record<string, unknown>[]>;
}
