/** Deliveries and events for tests that need no receiver, and the rows that they are folded into. */

import assert from 'node:assert/strict';
import type { Delivery, Recorded } from '../../src/core/event/delivery.ts';
import { type Event, type EventContent, interpret, readBody } from '../../src/core/event/event.ts';
import type { Projection, Row } from '../../src/core/tables/projection.ts';

/** A round second in November 2026, and the same in milliseconds. */
export const T0_S = 1_795_000_000;
export const T0_MS = T0_S * 1000;

export type Body = string | Uint8Array | object;

export function bytesOf(body: Body): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

/** A verified delivery, signed at T0 and received 250 ms later, unless `more` says otherwise. */
export function delivery(body: Body, more: Partial<Delivery> = {}): Delivery {
  return {
    body: bytesOf(body),
    path: '/webhooks',
    signature: 'ab'.repeat(32),
    signedAt: T0_S,
    receivedAtMs: T0_MS + 250,
    eventHeader: null,
    eventIdHeader: null,
    ...more,
  };
}

/** A delivery about a call, which states T0. */
export function call(id: string, event = 'call.ringing', data: object = {}): Delivery {
  return delivery({ event, timestamp: T0_S, data: { call_uuid: id, ...data } });
}

export interface EventOptions {
  readonly eventHeader?: string;
  readonly signedAt?: number;
  readonly seq?: number;
}

/** The event in a body; fails the test if the body is not an event. */
export function eventOf(body: Body, options: EventOptions = {}): Event {
  const read = readBody(bytesOf(body), options.eventHeader ?? null);
  const interpretation = interpret(read, options.signedAt ?? T0_S);
  assert.equal(interpretation.kind, 'event', JSON.stringify(interpretation));
  return { ...(interpretation as { event: EventContent }).event, seq: options.seq ?? 1 };
}

/** An envelope of type `event` with a timestamp `atS` seconds after T0. */
export function envelope(event: string, data: object, atS = 0) {
  return { event, timestamp: T0_S + atS, data };
}

/** Outcomes in words: `2`, `again 2`, `3: the reason`. */
export function outcomeTexts(outcomes: readonly Recorded[]): string[] {
  return outcomes.map(
    ({ seq, duplicate, error }) => `${duplicate ? 'again ' : ''}${seq}${error === null ? '' : `: ${error}`}`,
  );
}

/** Folds bodies in the order given, as seq 1, 2, 3, …; undefined if none of them is for this table. */
export function rowOf<R extends Row>(projection: Projection<R>, ...bodies: Body[]): R | undefined {
  let row: R | undefined;
  for (const [index, body] of bodies.entries()) {
    const event = eventOf(body, { seq: index + 1 });
    const key = projection.keyOf(event);
    if (key === undefined) continue;
    if (row !== undefined) assert.equal(row[projection.key], key, 'these events belong to several rows');
    row = projection.fold(row && Object.freeze(row), event, key);
  }
  return row;
}

/** The named columns of a row. */
export function columnsOf(row: Row | undefined, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, row?.[name]]));
}
