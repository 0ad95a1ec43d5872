/**
 * Access to the admin pages. If a token is set, a client must send it as a basic-auth password (browser) or a bearer
 * token (scraper). Otherwise a client must be on this machine and use one of its local names in `Host`. This stops
 * other web sites whose name points to 127.0.0.1 (DNS rebinding).
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export type Access = 'granted' | 'unauthorized' | 'foreign-name';

/** @param token undefined if none is required @param host the address that the server listens on */
export function accessOf(headers: IncomingHttpHeaders, token: string | undefined, host: string): Access {
  if (token === undefined) return isOwnName(headers.host ?? '', host) ? 'granted' : 'foreign-name';
  const given = tokenIn(headers.authorization ?? '');
  return given !== undefined && isSame(given, token) ? 'granted' : 'unauthorized';
}

function tokenIn(authorization: string): string | undefined {
  const [, scheme = '', value = ''] = /^(bearer|basic) +(\S+)$/i.exec(authorization) ?? [];
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme === '') return undefined;
  const pair = Buffer.from(value, 'base64').toString('utf8');
  return pair.slice(pair.indexOf(':') + 1); // the user name does not matter
}

/** Compares digests, so that the timing reveals nothing about the token, not even its length. */
function isSame(given: string, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function isOwnName(hostHeader: string, host: string): boolean {
  const name = hostHeader.replace(/:\d*$/, '').toLowerCase();
  return ['localhost', '127.0.0.1', '[::1]', host, `[${host}]`].includes(name);
}
