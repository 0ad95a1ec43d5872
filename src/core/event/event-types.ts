/**
 * The event types: the fourteen documented ones, other spellings that the sender uses, and the family that decides
 * which endpoint and which table a type belongs to.
 */

/** The types that have a table. `sms.queued` is a fifteenth, undocumented type: a status before `sms.sent`. */
export type TabledType =
  | 'call.initiated'
  | 'call.ringing'
  | 'call.answered'
  | 'call.completed'
  | 'call.failed'
  | 'call.no_answer'
  | 'call.busy'
  | 'call.cancelled'
  | 'sms.queued'
  | 'sms.sent'
  | 'sms.delivered'
  | 'sms.failed'
  | 'sms.received'
  | 'recording.complete'
  | 'recording.transcribed';

/** The fourteen documented types, in the order of the documentation. */
export const DOCUMENTED_TYPES: readonly TabledType[] = [
  'call.initiated',
  'call.ringing',
  'call.answered',
  'call.completed',
  'call.failed',
  'call.no_answer',
  'call.busy',
  'call.cancelled',
  'sms.sent',
  'sms.delivered',
  'sms.failed',
  'sms.received',
  'recording.complete',
  'recording.transcribed',
];

/** Other spellings seen on the wire. */
const SPELLINGS: readonly [string, TabledType][] = [
  ['call.created', 'call.initiated'],
  ['call.no-answer', 'call.no_answer'],
  ['call.canceled', 'call.cancelled'],
  ['mms.sent', 'sms.sent'],
  ['mms.received', 'sms.received'],
  ['recording.completed', 'recording.complete'],
  ['recording.ready', 'recording.complete'],
  ['call.recording.completed', 'recording.complete'],
  ['transcription.completed', 'recording.transcribed'],
];

const BY_SPELLING = new Map<string, TabledType>([
  ['sms.queued', 'sms.queued'],
  ...DOCUMENTED_TYPES.map((type): [string, TabledType] => [type, type]),
  ...SPELLINGS,
]);

/** All spellings of the types that have a table. */
export const SPELLINGS_WITH_TABLE: readonly string[] = [...BY_SPELLING.keys()];

/**
 * @param type an event type as sent
 * @returns its canonical name, or undefined for a type without a table, which is not an error
 */
export function tabledType(type: string): TabledType | undefined {
  return BY_SPELLING.get(type);
}

/** The part before the first dot, as sent: `call`, `sms`, `mms`, `recording`, `transcription`, … */
export function familyOf(type: string): string {
  const dot = type.indexOf('.');
  return dot === -1 ? type : type.slice(0, dot);
}
