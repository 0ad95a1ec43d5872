/**
 * The hash chain over the log: each event's link is SHA-256 over the previous link and every other column except
 * `body`, so a changed, removed or inserted row is detected and reported. FROZEN: `verify` recomputes the encoding
 * below for every event ever recorded.
 *
 *     previous link (32 bytes) ‖ seq ‖ body_time_ms ‖ body_sha256 (32 bytes) ‖ signed_at ‖ received_at_ms ‖
 *     signature ‖ type ‖ event_id ‖ path ‖ event_header ‖ event_id_header
 *
 * Integers are 8 bytes, signed, big-endian. Texts (UTF-8) and the signature's bytes are preceded by their length as
 * 4 bytes, big-endian; NULL is the length 0xffffffff with no bytes after it. The body itself is not included, only its
 * digest.
 */

import * as crypto from 'node:crypto'; // a missing named import would stop old Nodes before the version check

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
  const { signature, type, event_id, path, event_header, event_id_header } = columns;
  const texts = [type, event_id, path, event_header, event_id_header];
  const bytes = texts.reduce((sum, text) => sum + 4 + (text === null ? 0 : Buffer.byteLength(text)), 0);
  const encoded = Buffer.allocUnsafe(FIXED_BYTES + 4 + (signature?.byteLength ?? 0) + bytes);

  encoded.set(previous, 0);
  writeInteger(encoded, columns.seq, 32);
  writeInteger(encoded, columns.body_time_ms, 40);
  encoded.set(columns.body_sha256, 48);
  writeInteger(encoded, columns.signed_at, 80);
  writeInteger(encoded, columns.received_at_ms, 88);

  let offset = encoded.writeUInt32BE(signature?.byteLength ?? NULL_LENGTH, FIXED_BYTES);
  if (signature !== null) {
    encoded.set(signature, offset);
    offset += signature.byteLength;
  }
  for (const text of texts) {
    const written = text === null ? NULL_LENGTH : encoded.write(text, offset + 4);
    encoded.writeUInt32BE(written, offset);
    offset += text === null ? 4 : 4 + written;
  }
  return crypto.hash('sha256', encoded, 'buffer');
}

/** @param value a safe integer, negative ones included */
function writeInteger(into: Buffer, value: number, offset: number): void {
  const high = Math.floor(value / 2 ** 32);
  into.writeInt32BE(high, offset);
  into.writeUInt32BE(value - high * 2 ** 32, offset + 4);
}
