/**
 * Who may see the admin pages: who knows the token, as a browser's password or a scraper's bearer token; without a
 * token, whoever is on this machine and asks for it by its own name. A page of another site that has its name
 * point to 127.0.0.1 does not.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export type Access = 'granted' | 'unauthorized' | 'foreign-name';

/** @param token undefined: none is asked for @param host the address that is listened on */
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
  return pair.slice(pair.indexOf(':') + 1); // whatever the name
}

/** Digests, so that the time tells nothing of the token, its length included. */
function isSame(given: string, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function isOwnName(hostHeader: string, host: string): boolean {
  const name = hostHeader.replace(/:\d*$/, '').toLowerCase();
  return ['localhost', '127.0.0.1', '[::1]', host, `[${host}]`].includes(name);
}
