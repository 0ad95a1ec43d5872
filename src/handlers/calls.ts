/**
 * What happens after an event of a call is in the log. These are yours to write: put a function in the place of
 * `doNothing`. It runs at least once for each event, outside the sender's way; what it throws is tried again later.
 */

import { doNothing, type Handler } from '../core/handler.ts';

export const handleCallInitiated: Handler<'call.initiated'> = doNothing;

export const handleCallRinging: Handler<'call.ringing'> = doNothing;

export const handleCallAnswered: Handler<'call.answered'> = doNothing;

export const handleCallCompleted: Handler<'call.completed'> = doNothing;

export const handleCallFailed: Handler<'call.failed'> = doNothing;

export const handleCallNoAnswer: Handler<'call.no_answer'> = doNothing;

export const handleCallBusy: Handler<'call.busy'> = doNothing;

export const handleCallCancelled: Handler<'call.cancelled'> = doNothing;
