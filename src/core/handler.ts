/** A handler: code that runs after an event is in the log, at least once. Its names, and what it is called with. */

import type { HandledType, HandlerData } from './handler-data.ts';
import type { LogLevel } from './logger.ts';

/** The name under which a module exports the handler of a type. */
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

/** What a run knows beside its data. */
export interface HandlerContext {
  /** The event's type as it was sent: `call.canceled` comes to `handleCallCancelled`. */
  readonly event: string;
  /** The event's place in the log. */
  readonly seq: number;
  /** The same for every run for this event, and for no other event: 64 hex digits. */
  readonly idempotencyKey: string;
  /** 1 for the first run; a process that dies may make it more than one. */
  readonly attempt: number;
  /** The endpoint that it came to. */
  readonly path: string;
  /** By the sender. */
  readonly signedAt: Date;
  readonly receivedAt: Date;
  /** The body that was signed, as text. */
  readonly body: string;
  /** Aborted when the run's time is over: pass it to `fetch`. */
  readonly signal: AbortSignal;
  /** Writes a line of the server's log, with the event's seq. */
  readonly log: (level: LogLevel, message: string) => void;
  /** Rows of a query on the log and its tables, read-only. The tables reflect this event. */
  readonly query: (sql: string, ...values: readonly unknown[]) => Record<string, unknown>[];
}

/** Called once for each event of its type; what it throws, or rejects with, is tried again later. */
export type Handler<T extends HandledType = HandledType> = (
  data: HandlerData<T>,
  context: HandlerContext,
) => unknown;

/** Stands where there is no handler: events of that type are passed over. */
export function doNothing(): void {}

/** The handlers cannot be used. `message` is one line for the operator: what, where, and what to do. */
export class HandlersRefused extends Error {
  override name = 'HandlersRefused';
}

/** By event type, without those that do nothing. */
export type Handlers = ReadonlyMap<HandledType, Handler>;
