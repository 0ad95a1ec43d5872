/**
 * The hash chain over the log: each event's link is SHA-256 over the previous link and every other column, so
 * that a changed, removed or inserted row is found and named. FROZEN: the encoding below is what `verify`
 * recomputes for every event ever recorded.
 *
 *     previous link (32 bytes) ‖ seq ‖ body_time_ms ‖ body_sha256 (32 bytes) ‖ signed_at ‖ received_at_ms ‖
 *     signature ‖ type ‖ event_id ‖ path ‖ event_header ‖ event_id_header
 *
 * Integers are 8 bytes, signed, big-endian. Texts (UTF-8) and the signature's bytes are led by their length in
 * 4 bytes, big-endian; NULL is the length 0xffffffff and nothing more. The body itself is not in it: its digest
 * stands for it.
 */

import { createHash } from 'node:crypto';

/** The columns that a link covers. */
export interface ChainedColumns {
  readonly seq: number;
  readonly body_time_ms: number;
  readonly body_sha256: Uint8Array;
  readonly signed_at: number;
  readonly received_at_ms: number;
  readonly signature: Uint8Array | null;
  readonly type: string | null;
  readonly event_id: string | null;
  readonly path: string;
  readonly event_header: string | null;
  readonly event_id_header: string | null;
}

/** The link before the first event: 32 zero bytes. */
export const CHAIN_GENESIS: Uint8Array = new Uint8Array(32);

const FIXED_BYTES = 32 + 8 + 8 + 32 + 8 + 8;
const NULL_LENGTH = 0xffffffff;

/** @returns the 32 bytes that link `columns` to the event before it */
export function chainLink(previous: Uint8Array, columns: ChainedColumns): Buffer {
  const fixed = Buffer.allocUnsafe(FIXED_BYTES);
  fixed.set(previous, 0);
  fixed.writeBigInt64BE(BigInt(columns.seq), 32);
  fixed.writeBigInt64BE(BigInt(columns.body_time_ms), 40);
  fixed.set(columns.body_sha256, 48);
  fixed.writeBigInt64BE(BigInt(columns.signed_at), 80);
  fixed.writeBigInt64BE(BigInt(columns.received_at_ms), 88);
  return createHash('sha256')
    .update(fixed)
    .update(withLength(columns.signature))
    .update(withLength(columns.type))
    .update(withLength(columns.event_id))
    .update(withLength(columns.path))
    .update(withLength(columns.event_header))
    .update(withLength(columns.event_id_header))
    .digest();
}

function withLength(value: string | Uint8Array | null): Buffer {
  if (value === null) {
    const none = Buffer.allocUnsafe(4);
    none.writeUInt32BE(NULL_LENGTH);
    return none;
  }
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  const led = Buffer.allocUnsafe(4 + bytes.byteLength);
  led.writeUInt32BE(bytes.byteLength);
  led.set(bytes, 4);
  return led;
}
