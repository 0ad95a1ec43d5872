/**
 * The event types that have a table, and the other spellings that the sender uses. The family of a type, the part before
 * the dot, decides which endpoint it belongs to.
 */

/** Each type and its other spellings seen on the wire. The documented types are in the order of the documentation. */
const DOCUMENTED = {
  'call.initiated': ['call.created'],
  'call.ringing': [],
  'call.answered': [],
  'call.completed': [],
  'call.failed': [],
  'call.no_answer': ['call.no-answer'],
  'call.busy': [],
  'call.cancelled': ['call.canceled'],
  'sms.sent': ['mms.sent'],
  'sms.delivered': ['mms.delivered'],
  'sms.failed': ['mms.failed', 'sms.undelivered', 'mms.undelivered'],
  'sms.received': ['mms.received'],
  'recording.complete': ['recording.completed', 'recording.ready', 'call.recording.completed'],
  'recording.transcribed': ['transcription.completed'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** They have no handler. */
const UNDOCUMENTED = {
  'sms.queued': ['mms.queued'],
  'recording.started': ['call.recording.started'],
  'recording.failed': ['call.recording.failed'],
  'recording.transcription_failed': ['transcription.failed'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

const SPELLINGS = { ...DOCUMENTED, ...UNDOCUMENTED };

export type TabledType = keyof typeof SPELLINGS;
export type DocumentedType = keyof typeof DOCUMENTED;

const TABLED_TYPES = Object.keys(SPELLINGS) as TabledType[];

/** The fourteen documented types, in the order of the documentation. */
export const DOCUMENTED_TYPES = Object.keys(DOCUMENTED) as DocumentedType[];

const BY_SPELLING = new Map<string, TabledType>([
  ...TABLED_TYPES.map((type) => [type, type] as const),
  ...TABLED_TYPES.flatMap((type) => SPELLINGS[type].map((spelling) => [spelling, type] as const)),
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
  return type.split('.', 1)[0] ?? '';
}

/** The status of a row that an event of this type means: the type without its family. */
export function statusOf(type: TabledType): string {
  return type.slice(type.indexOf('.') + 1);
}
