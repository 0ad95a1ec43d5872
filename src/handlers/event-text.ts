/** Describes an event in one sentence, for chat tools. */

import type { DocumentedType } from '../core/event/event-types.ts';
import type { LoggedEvent } from '../core/runs/consumer.ts';
import { chatText } from './chat-text.ts';
import type { HandlerData } from './handler-data.ts';

/** By type. @param sides who called or wrote to whom */
const SENTENCES: { readonly [T in DocumentedType]: (data: HandlerData<T>, sides: string) => string } = {
  'call.initiated': (_, sides) => `Call started: ${sides}`,
  'call.ringing': (_, sides) => `Call ringing: ${sides}`,
  'call.answered': ({ answered_by }, sides) => `Call answered${after(' by ', answered_by)}: ${sides}`,
  'call.completed': ({ duration_seconds, total_cost }, sides) =>
    `Call ended: ${sides}${after(', ', duration_seconds, ' s')}${after(', $', total_cost)}`,
  'call.failed': (data, sides) => `Call failed: ${sides}${reasonOf(data)}`,
  'call.no_answer': (_, sides) => `Call not answered: ${sides}`,
  'call.busy': (_, sides) => `Line busy: ${sides}`,
  'call.cancelled': ({ cancelled_by }, sides) => `Call cancelled${after(' by ', cancelled_by)}: ${sides}`,
  'sms.sent': (_, sides) => `SMS sent: ${sides}`,
  'sms.delivered': (_, sides) => `SMS delivered: ${sides}`,
  'sms.failed': (data, sides) => `SMS failed: ${sides}${reasonOf(data)}`,
  'sms.received': ({ from_number = 'unknown', message = '' }) => `SMS from ${from_number}: ${message}`,
  'recording.complete': ({ duration_seconds, recording_url }) =>
    `Recording ready${after(', ', duration_seconds, ' s')}${after(', ', recording_url)}`,
  'recording.transcribed': ({ transcription = '' }) => `Recording transcribed: ${transcription}`,
};

/**
 * @param data of the event, if it has any
 * @returns a sentence for documented types; for other types, the type itself. No part of it is markup for a chat tool
 */
export function eventText(logged: LoggedEvent, data: HandlerData | undefined): string {
  return chatText(sentenceOf(logged, data));
}

function sentenceOf({ type, event }: LoggedEvent, data: HandlerData | undefined): string {
  if (data === undefined) return type;
  const { from_number = 'unknown', to_number = 'unknown' } = data as Partial<HandlerData<'sms.sent'>>;
  const sentence = SENTENCES[event?.tabled as DocumentedType] as (data: unknown, sides: string) => string;
  return sentence(data, `${from_number} → ${to_number}`);
}

function reasonOf({ error_code, error_message }: HandlerData<'call.failed' | 'sms.failed'>): string {
  return after(', ', error_code) + after(', ', error_message);
}

/** @returns nothing if the value is missing */
function after(before: string, value: string | number | undefined, unit = ''): string {
  return value === undefined ? '' : `${before}${value}${unit}`;
}
