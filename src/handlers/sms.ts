/** Handlers for SMS and MMS events; see calls.ts. Opt-outs need no code: `context.isOptedOut()` knows them. */

import { doNothing, type Handler } from './handler.ts';

export const handleSmsSent: Handler<'sms.sent'> = doNothing;

export const handleSmsDelivered: Handler<'sms.delivered'> = doNothing;

export const handleSmsFailed: Handler<'sms.failed'> = doNothing;

export const handleSmsReceived: Handler<'sms.received'> = doNothing;
