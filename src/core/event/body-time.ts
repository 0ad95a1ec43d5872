/**
 * The time stated in a body. It is the leading part of the idempotency key, which gives the index locality.
 * FROZEN, like readable-time.ts: projections may change how they read a body's times, but this must not change.
 */

import { readableTimeMs } from './readable-time.ts';

const MILESTONES = [
  'ended_at',
  'delivered_at',
  'received_at',
  'answered_at',
  'started_at',
  'created_at',
] as const;

type Json = Readonly<Record<string, unknown>>;

/**
 * The first readable time of `timestamp`, `data.timestamp`, then each milestone in `data` and at top level.
 * @param body the parsed body; undefined if it is not a JSON object
 * @returns milliseconds since 1970 UTC, or 0 if the body has no readable time
 */
export function bodyTimeMs(body: Json | undefined): number {
  if (body === undefined) return 0;
  const data = isObject(body['data']) ? body['data'] : undefined;
  let time = readableTimeMs(body['timestamp']) ?? readableTimeMs(data?.['timestamp']);
  for (const name of MILESTONES) {
    if (time !== undefined) return time;
    time = readableTimeMs(data?.[name]) ?? readableTimeMs(body[name]);
  }
  return time ?? 0;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
