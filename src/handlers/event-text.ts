/** Describes an event in one sentence, for chat tools. */

import type { LoggedEvent } from '../core/runs/consumer.ts';
import { handlerData } from './handler-data.ts';

type Known = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** @returns a sentence for documented types; for other types, the type itself */
export function eventText({ type, event }: LoggedEvent): string {
  const data = event === undefined ? undefined : (handlerData(event) as Known | undefined);
  if (data === undefined) return type;
  const sides = `${data['from_number'] ?? 'unknown'} → ${data['to_number'] ?? 'unknown'}`;
  const because = listed(data['error_code'], data['error_message']);
  switch (event?.tabled) {
    case 'call.initiated':
      return `Call started: ${sides}`;
    case 'call.ringing':
      return `Call ringing: ${sides}`;
    case 'call.answered':
      return `Call answered${data['answered_by'] === undefined ? '' : ` by ${data['answered_by']}`}: ${sides}`;
    case 'call.completed':
      return `Call ended: ${sides}${listed(seconds(data['duration_seconds']), cost(data['total_cost']))}`;
    case 'call.failed':
      return `Call failed: ${sides}${because}`;
    case 'call.no_answer':
      return `Call not answered: ${sides}`;
    case 'call.busy':
      return `Line busy: ${sides}`;
    case 'call.cancelled':
      return `Call cancelled${data['cancelled_by'] === undefined ? '' : ` by ${data['cancelled_by']}`}: ${sides}`;
    case 'sms.sent':
      return `SMS sent: ${sides}`;
    case 'sms.delivered':
      return `SMS delivered: ${sides}`;
    case 'sms.failed':
      return `SMS failed: ${sides}${because}`;
    case 'sms.received':
      return `SMS from ${data['from_number'] ?? 'unknown'}: ${data['message'] ?? ''}`;
    case 'recording.complete':
      return `Recording ready${listed(seconds(data['duration_seconds']), data['recording_url'])}`;
    case 'recording.transcribed':
      return `Recording transcribed: ${data['transcription'] ?? ''}`;
    default:
      return type;
  }
}

function listed(...parts: readonly Known[string][]): string {
  const stated = parts.filter((part) => part !== undefined);
  return stated.length === 0 ? '' : `, ${stated.join(', ')}`;
}

function seconds(value: Known[string]): string | undefined {
  return value === undefined ? undefined : `${value} s`;
}

function cost(value: Known[string]): string | undefined {
  return value === undefined ? undefined : `$${value}`;
}
