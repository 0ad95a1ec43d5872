/**
 * Handlers for call events, run after the event is in the log. These are for you to write: replace `doNothing` with a
 * function. It runs at least once for each event and does not delay the answer to the sender. If it throws, it is
 * retried later.
 */

import { doNothing, type Handler } from './handler.ts';

export const handleCallInitiated: Handler<'call.initiated'> = doNothing;

export const handleCallRinging: Handler<'call.ringing'> = doNothing;

export const handleCallAnswered: Handler<'call.answered'> = doNothing;

export const handleCallCompleted: Handler<'call.completed'> = doNothing;

export const handleCallFailed: Handler<'call.failed'> = doNothing;

export const handleCallNoAnswer: Handler<'call.no_answer'> = doNothing;

export const handleCallBusy: Handler<'call.busy'> = doNothing;

export const handleCallCancelled: Handler<'call.cancelled'> = doNothing;
