/** A handler is code that runs at least once after an event has been logged. Here are the handlers' names and types. */

import type { LogLevel } from '../logger.ts';
import type { HandledType, HandlerData } from './handler-data.ts';

/** The export name of the handler for each type. */
export const HANDLER_NAMES: Readonly<Record<HandledType, string>> = {
  'call.initiated': 'handleCallInitiated',
  'call.ringing': 'handleCallRinging',
  'call.answered': 'handleCallAnswered',
  'call.completed': 'handleCallCompleted',
  'call.failed': 'handleCallFailed',
  'call.no_answer': 'handleCallNoAnswer',
  'call.busy': 'handleCallBusy',
  'call.cancelled': 'handleCallCancelled',
  'sms.sent': 'handleSmsSent',
  'sms.delivered': 'handleSmsDelivered',
  'sms.failed': 'handleSmsFailed',
  'sms.received': 'handleSmsReceived',
  'recording.complete': 'handleRecordingComplete',
  'recording.transcribed': 'handleRecordingTranscribed',
};

/** What a run gets in addition to its data. */
export interface HandlerContext {
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

/** Called for each event of its type, at least once. A run that throws or rejects is retried later. */
export type Handler<T extends HandledType = HandledType> = (
  data: HandlerData<T>,
  context: HandlerContext,
) => unknown;

/** Placeholder for a missing handler: events of that type are skipped. */
export function doNothing(): void {}

/** The handlers cannot be used. `message` is one line for the operator: what, where, and what to do. */
export class HandlersRefused extends Error {
  override name = 'HandlersRefused';
}

/** The handlers by event type, without `doNothing`. */
export type Handlers = ReadonlyMap<HandledType, Handler>;
