/** One complete event, read from the log and formatted for a program or for a terminal. */

import { isUtf8 } from 'node:buffer';
import type { Reader } from '../../src/core/engine/reader.ts';
import { indentedJson } from '../../src/core/event/indented-json.ts';
import { type StoredEvent, type Verdict, verdictOf } from '../../src/core/event/recorded-event.ts';
import { harmless } from '../../src/core/logger.ts';
import { alignedLines } from './aligned-lines.ts';

/** @throws Error if there is no such event */
export async function eventAt(reader: Reader, seq: number): Promise<StoredEvent> {
  const [event] = await reader.stored(seq - 1, 1);
  if (event?.seq === seq) return event;
  throw new Error(`there is no event ${seq}: the log's last event is seq ${(await reader.head()).seq}`);
}

/** What the table `failures` says about an event. */
export async function recordedVerdict(reader: Reader, seq: number): Promise<Verdict> {
  return verdictOf(await reader.failuresOf(seq));
}

/** What the tables could not use of an event. */
export function problemLines({ error, warnings }: Verdict): string[] {
  const leftOut = warnings.map((warning) => `left out: ${warning}`);
  return error === null ? leftOut : [`unusable: ${error}`, ...leftOut];
}

export function eventMembers(event: StoredEvent, verdict: Verdict): Record<string, unknown> {
  return { ...keptMembers(event, verdict), ...bodyMember(event.body) };
}

/** A body for a program, without any loss: as text, or as Base64 if it is not valid UTF-8. */
export function bodyMember(body: Uint8Array): { body: string } | { body_base64: string } {
  const bytes = Buffer.from(body);
  return isUtf8(bytes) ? { body: bytes.toString('utf8') } : { body_base64: bytes.toString('base64') };
}

/** The event's other members, then the body, indented if it is JSON. Every line is safe to print on a terminal. */
export function eventLines(event: StoredEvent, verdict: Verdict): string[] {
  const rows = Object.entries(keptMembers(event, verdict)).map(([name, value]) => [
    name,
    harmless(String(Array.isArray(value) ? value.join('; ') : (value ?? '')) || '–'),
  ]);
  const body = Buffer.from(event.body).toString('utf8');
  return [...alignedLines(rows[0] ?? [], rows.slice(1), []), '', ...indentedLines(body)];
}

function keptMembers(event: StoredEvent, verdict: Verdict): Record<string, unknown> {
  const hex = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('hex'));
  return {
    seq: event.seq,
    type: event.type,
    received: new Date(event.received_at_ms).toISOString(),
    signed: new Date(event.signed_at * 1000).toISOString(),
    path: event.path,
    event_id: event.event_id,
    'X-IRISX-Event': event.event_header,
    'X-IRISX-Event-ID': event.event_id_header,
    'X-IRISX-Signature': hex(event.signature),
    sha256: hex(event.body_sha256),
    chain: hex(event.chain),
    failure: verdict.error,
    warnings: verdict.warnings,
  };
}

/** Indented if the body is JSON; every line is safe to print on a terminal. */
function indentedLines(body: string): string[] {
  return (indentedJson(body) ?? body).split('\n').map((line) => harmless(line, Number.POSITIVE_INFINITY));
}
