/**
 * Turns the bytes of a recorded delivery into an event. The writer uses it for new deliveries and a rebuild for old
 * ones. Any bytes give either an event or a reason; nothing throws.
 */

import { isUtf8 } from 'node:buffer';
import { EVENT_TYPE_CHARS_MAX } from '../limits.ts';
import { type TabledType, tabledType } from './event-types.ts';
import { kindOf } from './field-kinds.ts';
import { Fields, type Json } from './fields.ts';

/** The columns of the log that are needed to interpret an event. */
export interface RecordedDelivery {
  readonly seq: number;
  /** Text, which is cheaper to read, if the bytes are certainly valid UTF-8. */
  readonly body: Uint8Array | string;
  /** `X-IRISX-Event` as sent. Used only if the body has no type, because the header is not signed. */
  readonly eventHeader: string | null;
  /** Unix seconds, signed. */
  readonly signedAt: number;
}

/** What a readable event says, apart from its place in the log. */
export interface EventContent {
  /** As sent. */
  readonly type: string;
  /** Its canonical name, if it has a table. */
  readonly tabled: TabledType | undefined;
  /** The time stated in the event, or the signing time if there is none; milliseconds since 1970 UTC. */
  readonly occurredAtMs: number;
  readonly signedAtMs: number;
  readonly fields: Fields;
}

/** An event as projections fold it. */
export interface Event extends EventContent {
  readonly seq: number;
}

/** A body, as far as it could be read. `reason` says why reading stopped; it never quotes the body. */
export interface ReadBody {
  readonly json: Json | undefined;
  /** The type from the body's `event`, or else from the header; null if neither has a usable one. Well-formed text. */
  readonly type: string | null;
  /** The body's `event_id`, if it is text without U+0000 or a whole number. */
  readonly eventId: string | null;
  readonly reason: string | undefined;
}

/** Reads a body's JSON and type. Never throws. */
export function readBody(body: Uint8Array | string, eventHeader: string | null): ReadBody {
  const fromHeader = isTypeText(eventHeader) ? eventHeader.toWellFormed() : null;
  const json = objectIn(body);
  if (typeof json === 'string') return { json: undefined, type: fromHeader, eventId: null, reason: json };

  const eventId = idText(json['event_id']);
  const type = json['event'] ?? fromHeader;
  if (isTypeText(type)) return { json, type: type.toWellFormed(), eventId, reason: undefined };
  const reason =
    type === null
      ? 'the event type is missing: neither the body nor X-IRISX-Event has one'
      : `event must be text of 1 to ${EVENT_TYPE_CHARS_MAX} characters without U+0000`;
  return { json, type: null, eventId, reason };
}

/** @returns the object in a body, or why there is none */
function objectIn(body: Uint8Array | string): Json | string {
  if (body.length === 0) return 'the body is empty';
  if (typeof body !== 'string' && !isUtf8(body)) return 'the body is not valid UTF-8';
  try {
    const json: unknown = JSON.parse(textOf(body));
    const isObject = typeof json === 'object' && json !== null && !Array.isArray(json);
    return isObject ? (json as Json) : `the body must be a JSON object, got ${kindOf(json)}`;
  } catch {
    return 'the body is not valid JSON';
  }
}

/** What an event means for the tables: an event to fold, no table, or a failure. */
export type Interpretation =
  | { readonly kind: 'event'; readonly event: EventContent }
  | { readonly kind: 'no-table' }
  | { readonly kind: 'failure'; readonly reason: string };

/**
 * Interprets a read body as an event. A type without a table gives `no-table`, whatever its data is. The dashboard's
 * test delivery gives `no-table` too. A defect in reading one event is a failure of that event, now and in every rebuild.
 * @param signedAt Unix seconds
 */
export function interpret({ json, type, reason }: ReadBody, signedAt: number): Interpretation {
  if (json === undefined || type === null || reason !== undefined)
    return { kind: 'failure', reason: reason ?? 'the event type is missing' };
  const tabled = tabledType(type);
  if (tabled === undefined) return { kind: 'no-table' };

  const data = json['data'] ?? json;
  if (typeof data !== 'object' || Array.isArray(data))
    return { kind: 'failure', reason: `data must be an object, got ${kindOf(data)}` };
  try {
    const signedAtMs = signedAt * 1000;
    const fields = new Fields(data as Json, json, signedAtMs);
    if (fields.isTest) return { kind: 'no-table' };
    const occurredAtMs = fields.occurredAtMs();
    return { kind: 'event', event: { type, tabled, occurredAtMs, signedAtMs, fields } };
  } catch (error) {
    return { kind: 'failure', reason: defectReason(error) };
  }
}

/** The reason of a failure that is the receiver's own fault. The error's message may contain text from the delivery. */
export function defectReason(error: unknown): string {
  return `the receiver failed on this event (${nameOf(error)})`;
}

function nameOf(error: unknown): string {
  try {
    const { code, name } = Object(error) as { code?: unknown; name?: unknown };
    return String(code ?? name ?? 'unknown error');
  } catch {
    return 'unknown error';
  }
}

/** Decodes UTF-8 and removes the byte order mark that some tools write. */
function textOf(body: Uint8Array | string): string {
  const text =
    typeof body === 'string'
      ? body
      : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function isTypeText(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= EVENT_TYPE_CHARS_MAX &&
    !value.includes('\0')
  );
}

function idText(value: unknown): string | null {
  if (typeof value === 'string') return value.includes('\0') ? null : value.toWellFormed();
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : null;
}
