/**
 * The sender's signature: HMAC-SHA256 over `<timestamp>.<raw body>`, keyed with the secret as text, in hex.
 * Knows no HTTP: http/claim.ts reads the spellings of the headers.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';

const HEX_DIGEST = /^[0-9a-f]{64}$/i;

/** What a signature covers besides the timestamp: the body's exact bytes. */
export type Payload = Uint8Array | string;

/**
 * Signs a payload as IRISX does.
 * @param payload the exact body (bytes or text), or a value that is serialised with `JSON.stringify` first
 * @param secret the webhook secret, used as UTF-8 text (never hex-decoded)
 * @param timestamp Unix seconds
 * @returns 64 lower-case hex digits, the value of `X-IRISX-Signature`
 */
export function generateSignature(payload: unknown, secret: string, timestamp: number | string): string {
  const bytes =
    typeof payload === 'string' || payload instanceof Uint8Array ? payload : JSON.stringify(payload);
  return hmac(bytes, secret, String(timestamp)).toString('hex');
}

/**
 * @param payload the raw body as it arrived
 * @param signatureHex 64 hex digits; anything else never matches
 * @param signedAt the timestamp's text as it was signed
 * @param secrets every secret that is accepted at the moment (rotation); each is tried
 * @returns whether one of the secrets made this signature; compares in constant time
 */
export function matchesSignature(
  payload: Payload,
  signatureHex: string,
  signedAt: string,
  secrets: readonly string[],
): boolean {
  return signerOf(payload, signatureHex, signedAt, secrets) >= 0;
}

/** As matchesSignature(). @returns which of the secrets made this signature, counted from 0; -1: none */
export function signerOf(
  payload: Payload,
  signatureHex: string,
  signedAt: string,
  secrets: readonly string[],
): number {
  // Buffer.from(…, 'hex') alone would skip junk and take any character whose low byte looks like a digit.
  if (!HEX_DIGEST.test(signatureHex)) return -1;
  const given = Buffer.from(signatureHex, 'hex');
  let signer = -1;
  for (const [index, secret] of secrets.entries())
    if (timingSafeEqual(hmac(payload, secret, signedAt), given)) signer = index;
  return signer;
}

function hmac(payload: Payload, secret: string, signedAt: string): Buffer {
  return createHmac('sha256', secret).update(`${signedAt}.`).update(payload).digest();
}
