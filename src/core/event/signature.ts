/**
 * The sender's signature: HMAC-SHA256 over `<timestamp>.<raw body>`, keyed with the secret as text, in hex.
 * Independent of HTTP: http/claim.ts parses the headers.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';

const HEX_DIGEST = /^[0-9a-f]{64}$/i;

/** The body's exact bytes, which a signature covers together with the timestamp. */
export type Payload = Uint8Array | string;

/**
 * Signs a payload as IRISX does.
 * @param payload the exact body (bytes or text), or a value that is first serialized with `JSON.stringify`
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
 * @param signedAt the timestamp's text as signed
 * @param secrets all secrets that are currently accepted (for rotation); each is tried
 * @returns whether the signature was made with one of the secrets; compared in constant time
 */
export function matchesSignature(
  payload: Payload,
  signatureHex: string,
  signedAt: string,
  secrets: readonly string[],
): boolean {
  return signerOf(payload, signatureHex, signedAt, secrets) >= 0;
}

/** Like matchesSignature(). @returns the index of the secret that made this signature; -1 if none did */
export function signerOf(
  payload: Payload,
  signatureHex: string,
  signedAt: string,
  secrets: readonly string[],
): number {
  // Buffer.from(…, 'hex') alone would ignore junk and accept any character whose low byte looks like a digit.
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
