/** A consumer: something that is to see events of the log, each at least once. Handlers are one, forwarding another. */

import type { Event } from './event.ts';
import type { Json } from './fields.ts';
import type { HandlerContext } from './handler.ts';
import { RUN_ERROR_CHARS_MAX } from './limits.ts';

/** One event of the log, read. */
export interface LoggedEvent {
  /** As sent, or the header's where the body has none. */
  readonly type: string;
  readonly json: Json;
  /** Undefined where the type has no table, or the event could not be read as one. */
  readonly event: Event | undefined;
  readonly signedAt: Date;
}

export interface Consumer {
  /** Under this name its state is kept. */
  readonly name: string;
  /** A run that takes longer has failed. */
  readonly timeoutMs: number;
  /** Runs at one time. */
  readonly runsMax: number;
  /** Whether its code is the user's: it may keep the thread busy for ever, and it may read the tables. */
  readonly isForeign: boolean;
  /** Whether events of this type, as sent, are for it: the others are passed over unread. */
  wants(type: string): boolean;
  /** One run. What it throws, or rejects with, is a failure. */
  run(logged: LoggedEvent, context: HandlerContext): unknown;
}

/** A failure that knows more than that it is one. */
export class RunFailed extends Error {
  override name = 'RunFailed';
  /** No further attempt can help. */
  readonly isFinal: boolean;
  /** The next attempt shall wait at least so long. */
  readonly retryAfterMs: number;

  constructor(message: string, more: { isFinal?: boolean; retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: more.cause });
    this.isFinal = more.isFinal ?? false;
    this.retryAfterMs = more.retryAfterMs ?? 0;
  }
}

/** Whatever a run has thrown as a failure that can be told: nothing odd about it may cost more than its own run. */
export function asRunFailed(thrown: unknown): RunFailed {
  try {
    return thrown instanceof RunFailed ? thrown : new RunFailed(textOf(thrown).slice(0, RUN_ERROR_CHARS_MAX));
  } catch {
    return new RunFailed('it failed with something that cannot be told');
  }
}

/** With the cause, which is all that says why a `fetch` has failed. @throws what the value's own code throws */
function textOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown ?? 'it failed with nothing');
  const { name, message, cause } = thrown;
  return `${name}: ${message}${cause instanceof Error ? ` (${cause.message})` : ''}`;
}
