/** Sample deliveries of any event type, with plausible data, in any of the three body shapes that the sender uses. */

import { familyOf, type TabledType, tabledType } from '../../src/core/event/event-types.ts';
import type { Subject } from './sample-subject.ts';

/** One delivery before it is signed. */
export interface SampleDelivery {
  /** The value of `X-IRISX-Event`. */
  readonly type: string;
  /** The value of `X-IRISX-Event-ID`. */
  readonly eventId: string;
  readonly body: string;
}

/** The shape that IRISX documents, the one that the sender's services send, and an older one. */
export const SHAPES = ['envelope', 'bare', 'flat'] as const;
export type Shape = (typeof SHAPES)[number];

type Data = Readonly<Record<string, unknown>>;

/**
 * @param type any event type; an undocumented one gets generic data
 * @param changes fields, under our names, that are set in the data before the body is built in `shape`
 */
export function sampleEvent(
  type: string,
  subject: Subject,
  shape: Shape = 'envelope',
  changes: Data = {},
): SampleDelivery {
  const data: Data = { ...sampleData(type, subject), ...changes };
  const timestamp = new Date(sampleTimeMs(type, subject)).toISOString();
  const eventId = eventIdOf(type, subject);
  const bodies: Record<Shape, () => Data> = {
    envelope: () => ({ event: type, event_id: eventId, timestamp, data }),
    bare: () => ({ ...renamed(data, BARE_NAMES), timestamp }),
    flat: () => ({ event: type, timestamp, ...renamed(data, FLAT_NAMES) }),
  };
  return { type, eventId, body: JSON.stringify(bodies[shape]()) };
}

/** Our field name → the sender's, if they differ. */
const BARE_NAMES: Readonly<Record<string, string>> = {
  call_uuid: 'call_sid',
  message_id: 'message_sid',
  from_number: 'from',
  to_number: 'to',
  message: 'body',
};
const FLAT_NAMES: Readonly<Record<string, string>> = {
  call_uuid: 'call_id',
  from_number: 'from',
  to_number: 'to',
  duration_seconds: 'duration',
  total_cost: 'cost',
  transcription: 'transcript',
};

function renamed(data: Data, names: Readonly<Record<string, string>>): Data {
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [names[name] ?? name, value]));
}

/** The event id as the real sender sets it: not unique, but the same for all events of one subject. */
function eventIdOf(type: string, subject: Subject): string {
  const family = familyOf(tabledType(type) ?? type);
  if (family === 'recording') return subject.recordingId;
  return family === 'sms' ? subject.messageId : subject.callUuid;
}

const CONNECTING_MS = 1000;
const SMS_ROUTE_MS = 2000;
const RECORDING_MS = 3000;
const TRANSCRIPT_MS = 20_000;

/** When an event of this type occurs for the subject; milliseconds since 1970 UTC. */
export function sampleTimeMs(type: string, { startedAtMs, ringingS, talkingS }: Subject): number {
  const ringingAtMs = startedAtMs + CONNECTING_MS;
  const answeredAtMs = ringingAtMs + ringingS * 1000;
  const endedAtMs = answeredAtMs + talkingS * 1000;
  const later: Readonly<Partial<Record<TabledType, number>>> = {
    'call.ringing': ringingAtMs,
    'call.answered': answeredAtMs,
    'call.failed': answeredAtMs,
    'call.no_answer': answeredAtMs,
    'call.busy': answeredAtMs,
    'call.cancelled': answeredAtMs,
    'call.completed': endedAtMs,
    'recording.started': answeredAtMs,
    'recording.complete': endedAtMs + RECORDING_MS,
    'recording.failed': endedAtMs + RECORDING_MS,
    'recording.transcribed': endedAtMs + TRANSCRIPT_MS,
    'recording.transcription_failed': endedAtMs + TRANSCRIPT_MS,
    'sms.delivered': startedAtMs + SMS_ROUTE_MS,
    'sms.failed': startedAtMs + SMS_ROUTE_MS,
  };
  const tabled = tabledType(type);
  return (tabled && later[tabled]) ?? startedAtMs;
}

const MICROS_PER_SECOND_OF_CALL = 140;
const WAV_BYTES_PER_SECOND = 16_000;
const SMS_CHARS_PER_SEGMENT = 160;

/** The data that IRISX documents for each type, under our names. */
function sampleData(type: string, subject: Subject): Data {
  const { callUuid, recordingId, messageId, startedAtMs, talkingS } = subject;
  const tabled = tabledType(type);
  const at = (other: TabledType) => new Date(sampleTimeMs(other, subject)).toISOString();
  const call = { call_uuid: callUuid, tenant_id: subject.tenantId, ...numbers(subject, subject.direction) };
  const outbound = { message_id: messageId, tenant_id: subject.tenantId, ...numbers(subject, 'outbound') };
  const recording = { recording_id: recordingId, call_uuid: callUuid, tenant_id: subject.tenantId };
  const segments = Math.ceil(subject.outboundText.length / SMS_CHARS_PER_SEGMENT);
  const recording_url = `https://recordings.example/${recordingId}.wav`;

  switch (tabled) {
    case 'call.initiated':
      return { ...call, started_at: new Date(startedAtMs).toISOString() };
    case 'call.ringing':
      return call;
    case 'call.answered':
      return { ...call, answered_at: at(tabled), answered_by: 'human' };
    case 'call.completed':
      return {
        ...call,
        started_at: at('call.initiated'),
        answered_at: at('call.answered'),
        ended_at: at(tabled),
        duration_seconds: talkingS,
        total_cost: (talkingS * MICROS_PER_SECOND_OF_CALL) / 1e6,
        hangup_cause: 'NORMAL_CLEARING',
        recording_url,
      };
    case 'call.failed':
      return {
        ...call,
        ended_at: at(tabled),
        error_code: 'CARRIER_REJECTED',
        error_message: 'Carrier rejected the call',
        hangup_cause: 'CALL_REJECTED',
      };
    case 'call.no_answer':
      return { ...call, ended_at: at(tabled), hangup_cause: 'NO_ANSWER' };
    case 'call.busy':
      return { ...call, ended_at: at(tabled), hangup_cause: 'USER_BUSY' };
    case 'call.cancelled':
      return { ...call, ended_at: at(tabled), cancelled_by: 'caller', hangup_cause: 'ORIGINATOR_CANCEL' };
    case 'sms.queued':
    case 'sms.sent':
      return { ...outbound, message: subject.outboundText, segments, media_urls: [] };
    case 'sms.delivered':
      return { ...outbound, delivered_at: at(tabled) };
    case 'sms.failed':
      return { ...outbound, error_code: '30003', error_message: 'Unreachable destination handset' };
    case 'sms.received':
      return {
        ...outbound,
        ...numbers(subject, 'inbound'),
        message: subject.inboundText,
        media_count: 0,
        received_at: at(tabled),
      };
    case 'recording.complete':
      return {
        ...recording,
        recording_url,
        duration_seconds: talkingS,
        size_bytes: talkingS * WAV_BYTES_PER_SECOND,
        format: 'wav',
      };
    case 'recording.started':
      return recording;
    case 'recording.failed':
    case 'recording.transcription_failed':
      return { ...recording, error_message: 'The recording is empty' };
    case 'recording.transcribed':
      return { ...recording, transcription: subject.spokenText, language: 'en-US', confidence: 0.93 };
    case undefined:
      return { id: messageId, tenant_id: subject.tenantId, call_uuid: callUuid, note: 'a sample' };
  }
}

function numbers({ ownNumber, contactNumber }: Subject, direction: 'inbound' | 'outbound'): Data {
  return direction === 'outbound'
    ? { direction, from_number: ownNumber, to_number: contactNumber }
    : { direction, from_number: contactNumber, to_number: ownNumber };
}
