/** A consumer receives events from the log, each at least once. Handlers are one consumer, forwarding is another. */

import { EngineError } from '../engine-error.ts';
import type { EventContent } from '../event/event.ts';
import type { Json } from '../event/fields.ts';
import { RUN_ERROR_CHARS_MAX } from '../limits.ts';
import type { RunContext } from './run-context.ts';

/** One event read from the log. */
export interface LoggedEvent {
  /** As sent in the body, or from the header if the body has none. */
  readonly type: string;
  readonly json: Json;
  /** Undefined if the type has no table or the event could not be interpreted. */
  readonly event: EventContent | undefined;
  readonly signedAt: Date;
}

export interface Consumer {
  /** Its state is stored under this name. */
  readonly name: string;
  /** A run that takes longer counts as failed. */
  readonly timeoutMs: number;
  /** Maximum number of concurrent runs. */
  readonly runsMax: number;
  /** Whether it runs the user's code, which can block the thread forever and can read the tables. */
  readonly runsUserCode: boolean;
  /** Whether it wants events of this type, as sent. Other events are skipped unread. */
  wants(type: string): boolean;
  /** Performs one run. A throw or a rejection is a failure. */
  run(logged: LoggedEvent, context: RunContext): unknown;
}

/** A failure with details about retries. */
export class RunFailed extends Error {
  override name = 'RunFailed';
  /** Whether further attempts are pointless. */
  readonly isFinal: boolean;
  /** The minimum wait before the next attempt. */
  readonly retryAfterMs: number;

  constructor(message: string, more: { isFinal?: boolean; retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: more.cause });
    this.isFinal = more.isFinal ?? false;
    this.retryAfterMs = more.retryAfterMs ?? 0;
  }
}

/** Converts whatever a run has thrown into a RunFailed. Even an odd value must not fail more than its own run. */
export function asRunFailed(thrown: unknown): RunFailed {
  try {
    return thrown instanceof RunFailed ? thrown : new RunFailed(textOf(thrown).slice(0, RUN_ERROR_CHARS_MAX));
  } catch {
    return new RunFailed('it failed with a value that cannot be shown as text');
  }
}

/** Includes the cause, because only the cause says why a `fetch` failed. @throws what the value's own code throws */
function textOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown ?? 'it failed without an error value');
  const { name, message, cause } = thrown;
  // The message of an EngineError contains its cause already.
  const isOwn = cause instanceof Error && !(thrown instanceof EngineError);
  return `${name}: ${message}${isOwn ? ` (${cause.message})` : ''}`;
}
