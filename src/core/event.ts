/**
 * From the bytes of a recorded delivery to an event: what the writer does with a new one and a rebuild with an
 * old one, by the same code. Total: any bytes give an event or a reason, nothing throws.
 */

import { isUtf8 } from 'node:buffer';
import { type TabledType, tabledType } from './event-types.ts';
import { FieldError, Fields, type Json, kindOf, requireTimeMs } from './fields.ts';
import { EVENT_TYPE_CHARS_MAX } from './limits.ts';

/** What is read of the log to make an event of it. */
export interface RecordedDelivery {
  readonly seq: number;
  /** Text where the bytes are certainly UTF-8, which is cheaper to read. */
  readonly body: Uint8Array | string;
  /** `X-IRISX-Event` as sent: counts only where the body has no type, because it is not signed. */
  readonly eventHeader: string | null;
  /** Unix seconds, signed. */
  readonly signedAt: number;
}

/** A readable event, as projections see it. */
export interface Event {
  readonly seq: number;
  /** As sent. */
  readonly type: string;
  /** Its one name, where it has a table. */
  readonly tabled: TabledType | undefined;
  /** What the event says of its time, else when it was signed; milliseconds since 1970 UTC. */
  readonly occurredAtMs: number;
  readonly fields: Fields;
}

/** A body as far as it could be read. `reason` tells why not further; it never quotes the body. */
export interface ReadBody {
  readonly json: Json | undefined;
  /** The body's `event`, else the header's; null if neither states a usable one. Well-formed text. */
  readonly type: string | null;
  /** The body's `event_id`, where it is text or a whole number. */
  readonly eventId: string | null;
  readonly reason: string | undefined;
}

/** Reads a body's JSON and type. Never throws. */
export function readBody(body: Uint8Array | string, eventHeader: string | null): ReadBody {
  const fromHeader = isTypeText(eventHeader) ? eventHeader.toWellFormed() : null;
  const unreadable = (reason: string): ReadBody => ({
    json: undefined,
    type: fromHeader,
    eventId: null,
    reason,
  });

  if (body.length === 0) return unreadable('the body is empty');
  if (typeof body !== 'string' && !isUtf8(body)) return unreadable('the body is not valid UTF-8');
  let json: unknown;
  try {
    json = JSON.parse(textOf(body));
  } catch {
    return unreadable('the body is not valid JSON');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return unreadable(`the body must be a JSON object, got ${kindOf(json)}`);
  }

  const object = json as Json;
  const eventId = idText(object['event_id']);
  const stated = object['event'];
  if (stated === undefined || stated === null) {
    const reason =
      fromHeader === null
        ? 'the event type is missing: neither the body nor X-IRISX-Event has one'
        : undefined;
    return { json: object, type: fromHeader, eventId, reason };
  }
  if (!isTypeText(stated)) {
    const reason = `event must be text of 1 to ${EVENT_TYPE_CHARS_MAX} characters`;
    return { json: object, type: null, eventId, reason };
  }
  return { json: object, type: stated.toWellFormed(), eventId, reason: undefined };
}

/** What an event means to the tables: something, nothing, or nothing that they can use. */
export type Interpretation =
  | { readonly kind: 'event'; readonly event: Event }
  | { readonly kind: 'no-table' }
  | { readonly kind: 'failure'; readonly reason: string };

/**
 * Makes an event of a read body. A type without a table needs no further reading: `no-table`, and its data may
 * be anything. The dashboard's test delivery has no table either.
 */
export function interpret(
  read: ReadBody,
  recorded: Pick<RecordedDelivery, 'seq' | 'signedAt'>,
): Interpretation {
  if (read.reason !== undefined || read.json === undefined || read.type === null) {
    return { kind: 'failure', reason: read.reason ?? 'the event type is missing' };
  }
  const tabled = tabledType(read.type);
  if (tabled === undefined) return { kind: 'no-table' };

  const data = read.json['data'];
  if (data !== undefined && data !== null && (typeof data !== 'object' || Array.isArray(data))) {
    return { kind: 'failure', reason: `data must be an object, got ${kindOf(data)}` };
  }
  const fields = new Fields((data as Json | null | undefined) ?? read.json);
  if (fields.isTest) return { kind: 'no-table' };
  try {
    const occurredAtMs = occurredMs(read.json, fields) ?? recorded.signedAt * 1000;
    return { kind: 'event', event: { seq: recorded.seq, type: read.type, tabled, occurredAtMs, fields } };
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    return { kind: 'failure', reason: error.message };
  }
}

/** A later milestone first: `call.completed` states when the call started, too. */
const OCCURRED_FIELDS = [
  'timestamp',
  'ended_at',
  'delivered_at',
  'received_at',
  'answered_at',
  'started_at',
  'created_at',
];

function occurredMs(json: Json, fields: Fields): number | undefined {
  const top = json['timestamp'];
  if (top !== undefined && top !== null && top !== '') return requireTimeMs('timestamp', top);
  for (const name of OCCURRED_FIELDS) {
    const ms = fields.timeMs(name);
    if (ms !== undefined) return ms;
  }
  return undefined;
}

/** UTF-8 to text, without the byte order mark that some senders' tools put first. */
function textOf(body: Uint8Array | string): string {
  const text =
    typeof body === 'string'
      ? body
      : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function isTypeText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= EVENT_TYPE_CHARS_MAX;
}

function idText(value: unknown): string | null {
  if (typeof value === 'string') return value.toWellFormed();
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : null;
}
