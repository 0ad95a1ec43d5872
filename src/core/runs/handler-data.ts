/**
 * The data that a handler gets for an event: the documented members of its type under our names, whatever spelling and
 * body shape the sender used. One table lists the members of each type; the TypeScript types are derived from it.
 */

import type { EventContent } from '../event/event.ts';
import { FieldError, type Fields } from '../event/fields.ts';

interface Kinds {
  id: string;
  text: string;
  /** May be empty. */
  message: string;
  texts: readonly string[];
  /** Finite. */
  number: number;
  /** Finite, ≥ 0. */
  quantity: number;
  /** Whole, ≥ 0. */
  count: number;
  /** In USD. */
  amount: number;
  /** ISO 8601, UTC, with milliseconds. */
  time: string;
}
type Kind = keyof Kinds;

const CALL = { tenant_id: 'id', direction: 'text', from_number: 'id', to_number: 'id' } as const;
const ENDED = { ...CALL, ended_at: 'time', hangup_cause: 'id' } as const;
const SMS = {
  ...CALL,
  message: 'message',
  segments: 'count',
  media_urls: 'texts',
  media_count: 'count',
} as const;

/** The members of each type's data, in addition to its subject's id. Any of them may be missing. */
const MEMBERS = {
  'call.initiated': { ...CALL, started_at: 'time' },
  'call.ringing': CALL,
  'call.answered': { ...CALL, answered_at: 'time', answered_by: 'text' },
  'call.completed': {
    ...ENDED,
    started_at: 'time',
    answered_at: 'time',
    duration_seconds: 'quantity',
    total_cost: 'amount',
    recording_url: 'text',
  },
  'call.failed': { ...ENDED, error_code: 'id', error_message: 'text' },
  'call.no_answer': ENDED,
  'call.busy': ENDED,
  'call.cancelled': { ...ENDED, cancelled_by: 'text' },
  'sms.sent': SMS,
  'sms.delivered': { ...SMS, delivered_at: 'time' },
  'sms.failed': { ...SMS, error_code: 'id', error_message: 'text' },
  'sms.received': { ...SMS, received_at: 'time' },
  'recording.complete': {
    call_uuid: 'id',
    tenant_id: 'id',
    recording_url: 'text',
    duration_seconds: 'quantity',
    size_bytes: 'count',
    format: 'text',
  },
  'recording.transcribed': {
    call_uuid: 'id',
    tenant_id: 'id',
    transcription: 'text',
    language: 'text',
    confidence: 'number',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Kind>>>>;

/** The fourteen documented types, which can have handlers. */
export type HandledType = keyof typeof MEMBERS;

export const HANDLED_TYPES = Object.keys(MEMBERS) as readonly HandledType[];

type SubjectId<T extends HandledType> = T extends `call.${string}`
  ? 'call_uuid'
  : T extends `sms.${string}`
    ? 'message_id'
    : 'recording_id';

/** The data of one type: its subject's id, and the other members that the event states. */
export type HandlerData<T extends HandledType = HandledType> = {
  readonly [Id in SubjectId<T>]: string;
} & {
  readonly [Name in keyof (typeof MEMBERS)[T]]?: (typeof MEMBERS)[T][Name] extends Kind
    ? Kinds[(typeof MEMBERS)[T][Name]]
    : never;
};

/** @param tabled an event type under its canonical name */
export function isHandled(tabled: string | undefined): tabled is HandledType {
  return tabled !== undefined && tabled in MEMBERS;
}

/**
 * @returns the data of an event, or undefined if its subject has no usable id. A member that is missing or unusable is
 *   left out. `failures` records unusable values.
 */
export function handlerData(event: EventContent): HandlerData | undefined {
  const { tabled, fields } = event;
  if (!isHandled(tabled)) return undefined;
  const subject = subjectOf(tabled, fields);
  if (subject === undefined) return undefined;
  const data: Record<string, unknown> = subject;
  for (const [name, kind] of Object.entries(MEMBERS[tabled])) {
    const value = usable(() => READ[kind as Kind](fields, name));
    if (value !== undefined) data[name] = value;
  }
  return data as HandlerData;
}

function subjectOf(type: HandledType, fields: Fields): Record<string, string> | undefined {
  const id = (name: string) => usable(() => fields.id(name));
  if (type.startsWith('call.')) return named('call_uuid', id('call_uuid'));
  if (type.startsWith('sms.')) return named('message_id', id('message_id'));
  // As in the table `recordings`: some recording events only have the call's id.
  return named('recording_id', id('recording_id') ?? id('call_uuid'));
}

function named(name: string, id: string | undefined): Record<string, string> | undefined {
  return id === undefined ? undefined : { [name]: id };
}

const MICROS_PER_UNIT = 1_000_000;

const READ: { readonly [K in Kind]: (fields: Fields, name: string) => Kinds[K] | undefined } = {
  id: (fields, name) => fields.id(name),
  text: (fields, name) => fields.text(name),
  message: (fields) => fields.message(),
  texts: (fields, name) => fields.textList(name),
  number: (fields, name) => fields.number(name),
  quantity: (fields, name) => fields.quantity(name),
  count: (fields, name) => fields.count(name),
  amount(fields, name) {
    const micros = fields.micros(name);
    return micros === undefined ? undefined : micros / MICROS_PER_UNIT;
  },
  time(fields, name) {
    const ms = fields.timeMs(name);
    return ms === undefined ? undefined : new Date(ms).toISOString();
  },
};

function usable<T>(read: () => T | undefined): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof FieldError) return undefined;
    throw error;
  }
}
