/**
 * Parses the signature headers of a delivery, in all formats that the sender uses. Checks only their syntax;
 * core/event/signature.ts verifies the signature.
 */

import type { RefusalCode } from './answers.ts';

interface Claim {
  /** 64 lower-case hex digits; null if signatures are not verified. */
  readonly signature: string | null;
  /** 10 digits: Unix seconds, as signed. */
  readonly signedAt: string;
}

const HEX_DIGEST = /^(?:sha256=)?([0-9a-f]{64})$/;
const WITH_TIMESTAMP = /^t=([^,]{1,32}),v1=([0-9a-f]{64})$/;
const SECONDS = /^[0-9]{10}$/;
const MILLISECONDS = /^[0-9]{13}$/;

/**
 * @param rawHeaders name, value, name, value, … as received: only these distinguish a repeated header from a single
 *   value with a comma
 * @returns the claim, or why there is none
 */
export function readClaim(rawHeaders: readonly string[]): Claim | RefusalCode {
  const first = valuesOf(rawHeaders, 'x-irisx-signature');
  const signatures = first.length > 0 ? first : valuesOf(rawHeaders, 'x-irisx-signature-256');
  const timestamps = valuesOf(rawHeaders, 'x-irisx-timestamp');

  const [signature] = signatures;
  if (signature === undefined || signature === '') return 'missing_signature';
  if (signatures.length > 1) return 'invalid_signature';
  if (timestamps.length > 1) return 'invalid_timestamp';

  const bare = HEX_DIGEST.exec(signature)?.[1];
  const [, inside, digest = bare] = WITH_TIMESTAMP.exec(signature) ?? [];
  const header = timestamps[0] === '' ? undefined : timestamps[0];
  const signedAt = header ?? inside;

  if (signedAt === undefined) return 'missing_timestamp';
  if (digest === undefined) return 'invalid_signature';
  if (MILLISECONDS.test(signedAt)) return 'timestamp_in_milliseconds';
  if (!SECONDS.test(signedAt) || (inside !== undefined && inside !== signedAt)) return 'invalid_timestamp';
  return { signature: digest, signedAt };
}

/**
 * With verification switched off, a delivery needs no headers. A plain timestamp is used if there is one.
 * @param nowMs wall clock, milliseconds
 */
export function unverifiedClaim(rawHeaders: readonly string[], nowMs: number): Claim {
  const stated = headerText(rawHeaders, 'x-irisx-timestamp') ?? '';
  return { signature: null, signedAt: SECONDS.test(stated) ? stated : String(Math.floor(nowMs / 1000)) };
}

/** The first value of a header, or null. For untrusted headers that are stored as sent. */
export function headerText(rawHeaders: readonly string[], name: string): string | null {
  return valuesOf(rawHeaders, name)[0] ?? null;
}

/** All values of a header. Not `headersDistinct`: in Node 22.18 it throws if there is a header `__proto__`. */
export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const found = rawHeaders[index] ?? '';
    if (found.length === name.length && found.toLowerCase() === name)
      values.push(rawHeaders[index + 1] ?? '');
  }
  return values;
}
