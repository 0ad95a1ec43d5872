/**
 * Access to the admin pages: a request needs the token, as `Authorization: Bearer TOKEN`, or a cookie that was issued
 * for it. The cookie does not contain the token: it is an expiry time and an HMAC of that time, keyed with the token.
 */

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { ADMIN_COOKIE_S } from '../../core/limits.ts';

export type AdminAccess = ReturnType<typeof createAdminAccess>;

/** @param port the listening port, which is part of the cookie's name, because all ports of a host share cookies */
export function createAdminAccess(token: string, port: number) {
  const name = `irisx-admin-${port}`;
  const isToken = (given: string) => isSame(given, token);
  const proofOf = (expiryS: string) =>
    createHmac('sha256', token).update(`irisx-admin-cookie ${expiryS}`).digest('hex');

  function isValid(cookie: string, nowMs: number): boolean {
    const [, expiryS = '', proof = ''] = /^(\d{1,12})\.([0-9a-f]{64})$/.exec(cookie) ?? [];
    if (!isSame(proof, proofOf(expiryS))) return false;
    const restMs = Number(expiryS) * 1000 - nowMs;
    return restMs > 0 && restMs <= ADMIN_COOKIE_S * 1000;
  }

  return {
    /** Whether a text is the token. */
    isToken,

    /** The value of a `Set-Cookie` header. @param nowMs wall clock, milliseconds */
    cookie(nowMs: number): string {
      const expiryS = String(Math.floor(nowMs / 1000) + ADMIN_COOKIE_S);
      const value = `${expiryS}.${proofOf(expiryS)}`;
      return `${name}=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${ADMIN_COOKIE_S}`;
    },

    /** Whether a request has the token, or exactly one cookie that is valid. @param nowMs wall clock, milliseconds */
    isGranted(headers: IncomingHttpHeaders, nowMs: number): boolean {
      const bearer = bearerIn(headers.authorization ?? '');
      if (bearer !== undefined && isToken(bearer)) return true;
      const [cookie, ...others] = valuesOf(headers.cookie ?? '', name);
      return cookie !== undefined && others.length === 0 && isValid(cookie, nowMs);
    },
  };
}

function bearerIn(authorization: string): string | undefined {
  const value = /^bearer +(.+)$/i.exec(authorization)?.[1];
  return value && Buffer.from(value, 'latin1').toString('utf8'); // node:http reads headers as latin1
}

/** The values of all cookies of one name. */
function valuesOf(cookies: string, name: string): string[] {
  return cookies
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
}

/** Compares digests, so that the time reveals nothing about the expected text, not even its length. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
