/**
 * What can be known of an event before the log is locked: its columns, what it means, and the rows that it belongs to.
 * The same code prepares new deliveries and, for a rebuild, recorded ones. Everything here is pure.
 */

import * as crypto from 'node:crypto'; // a missing named import would stop old Nodes before the version check
import { errorText } from '../engine-error.ts';
import { bodyTimeMs } from '../event/body-time.ts';
import type { Delivery } from '../event/delivery.ts';
import {
  defectReason,
  type EventContent,
  interpret,
  type ReadBody,
  type RecordedDelivery,
  readBody,
} from '../event/event.ts';
import { FieldError, kindOf } from '../event/field-kinds.ts';
import {
  type Failure,
  PARSE_STAGE,
  type StoredEvent,
  WHOLE_EVENT,
  WRITER_STAGE,
} from '../event/recorded-event.ts';
import type { Projection } from './projection.ts';

/** What is wrong with values of an event, by our name of the field. */
export type Problems = ReadonlyMap<string, string>;

/** The row of one table that an event belongs to, or why it has no usable key. */
export type RowOfEvent =
  | { readonly projection: Projection; readonly key: string; readonly problems: Problems }
  | { readonly projection: Projection; readonly key: undefined; readonly error: string };

/** What an event means for the tables. */
export interface PreparedEvent {
  /** Why it is folded into no table, or which of its times are unusable. */
  readonly failures: readonly Omit<Failure, 'seq'>[];
  /** Undefined if it is folded into no table. */
  readonly content: EventContent | undefined;
  readonly rows: readonly RowOfEvent[];
}

/** A delivery, ready to be appended. */
export type PreparedDelivery = ReturnType<typeof prepared>;

const NONE: readonly Omit<Failure, 'seq'>[] = [];
const IN_NO_TABLE: PreparedEvent = { failures: NONE, content: undefined, rows: [] };

/** Prepares a delivery for the log and its tables. */
export function prepare(delivery: Delivery, projections: readonly Projection[]): PreparedDelivery {
  return prepared(delivery, (read) => prepareEvent(read, delivery.signedAt, projections));
}

/**
 * Prepares a delivery that makes its batch fail: it is appended with a failure and without being folded.
 * @param defect what was thrown. Its message is not recorded, because it may contain text from the delivery
 */
export function prepareUnfolded(delivery: Delivery, defect: unknown): PreparedDelivery {
  return prepared(delivery, () => unusable(WRITER_STAGE, defectReason(defect)));
}

function prepared(delivery: Delivery, eventOf: (read: ReadBody) => PreparedEvent) {
  const read = readBody(delivery.body, delivery.eventHeader);
  return {
    /** What the log records of it, apart from its place in the log. */
    columns: {
      body_time_ms: bodyTimeMs(read.json),
      body_sha256: crypto.hash('sha256', delivery.body, 'buffer'),
      body: delivery.body,
      type: read.type,
      event_id: read.eventId,
      path: delivery.path,
      signature: delivery.signature === null ? null : Buffer.from(delivery.signature, 'hex'),
      signed_at: delivery.signedAt,
      received_at_ms: delivery.receivedAtMs,
      event_header: delivery.eventHeader,
      event_id_header: delivery.eventIdHeader,
    } satisfies Omit<StoredEvent, 'seq' | 'chain'>,
    event: eventOf(read),
  };
}

/**
 * Prepares an event of the log for folding.
 * @param leftOut what `failures` records for it, if it was appended without being folded and must stay so
 */
export function prepareRecorded(
  { body, eventHeader, signedAt }: RecordedDelivery,
  projections: readonly Projection[],
  leftOut?: string,
): PreparedEvent {
  if (leftOut !== undefined) return unusable(WRITER_STAGE, leftOut);
  return prepareEvent(readBody(body, eventHeader), signedAt, projections);
}

function unusable(stage: string, error: string): PreparedEvent {
  return { ...IN_NO_TABLE, failures: [{ stage, field: WHOLE_EVENT, error }] };
}

function prepareEvent(read: ReadBody, signedAt: number, projections: readonly Projection[]): PreparedEvent {
  const interpretation = interpret(read, signedAt);
  if (interpretation.kind === 'no-table') return IN_NO_TABLE;
  if (interpretation.kind === 'failure') return unusable(PARSE_STAGE, interpretation.reason);
  const { event: content } = interpretation;
  const failures = fieldFailures(PARSE_STAGE, content.fields.problems);
  const rows = projections.map((projection) => rowOf(projection, content));
  return { failures, content, rows: rows.filter((row) => row !== undefined) };
}

/** What `failures` records of unusable values. */
export function fieldFailures(stage: string, problems: Problems): readonly Omit<Failure, 'seq'>[] {
  if (problems.size === 0) return NONE; // nearly always
  return Array.from(problems, ([field, error]) => ({ stage, field, error }));
}

function rowOf(projection: Projection, content: EventContent): RowOfEvent | undefined {
  content.fields.forgetProblems(); // each stage has failures of its own
  try {
    const key = projection.keyOf(content);
    if (key === undefined) return undefined;
    if (typeof key !== 'string') throw new TypeError(`the key must be text, got ${kindOf(key)}`);
    return { projection, key, problems: content.fields.problems };
  } catch (error) {
    return { projection, key: undefined, error: reasonOf(error) };
  }
}

/** Why a projection could not use an event. A FieldError explains itself; anything else is a defect and says so. */
export function reasonOf(error: unknown): string {
  return error instanceof FieldError ? error.message : `the projection failed: ${errorText(error)}`;
}
