/** Reads the variables of forwarding: FORWARD_URL, FORWARD_EVENTS and FORWARD_SECRET. */

import type { ForwardOptions } from '../handlers/forward.ts';
import { type Environment, set } from './variables.ts';

const EVENT_CHOICE = /^(\*|[a-z0-9_-]+(\.[a-z0-9_-]+)*(\.\*)?)$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const KEY_BYTES_MIN = 24;
const KEY_BYTES_MAX = 64;

/**
 * @param problems receives one line for each wrong value
 * @returns undefined if forwarding is off, or if its secret is in a file that cannot be used
 */
export function forwardOptions(env: Environment, problems: string[]): ForwardOptions | undefined {
  const url = set(env, 'FORWARD_URL');
  const secret = set(env, 'FORWARD_SECRET');
  if (url === undefined) {
    for (const name of ['FORWARD_EVENTS', 'FORWARD_SECRET'])
      if (set(env, name) !== undefined)
        problems.push(`${name} is set without FORWARD_URL: nothing is forwarded`);
    return undefined;
  }
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!/^https?:$/.test(parsed?.protocol ?? '') || parsed?.username !== '' || parsed.password !== '')
    problems.push(
      `FORWARD_URL=${JSON.stringify(url)}: must be an http or https URL without a user name or password`,
    );
  const events = (set(env, 'FORWARD_EVENTS') ?? '*').split(',').map((event) => event.trim());
  const strange = events.find((event) => !EVENT_CHOICE.test(event));
  if (strange !== undefined)
    problems.push(
      `FORWARD_EVENTS: must be event types separated by commas, such as call.failed, call.* or *; ${JSON.stringify(strange)} is not valid`,
    );
  const base64 = (secret ?? '').replace(/^whsec_/, '');
  const key = Buffer.from(BASE64.test(base64) ? base64 : '', 'base64');
  const isUnreadable = secret === undefined && set(env, 'FORWARD_SECRET_FILE') !== undefined;
  if (isUnreadable) return undefined;
  if (secret === undefined || key.length < KEY_BYTES_MIN || key.length > KEY_BYTES_MAX)
    problems.push(
      `FORWARD_SECRET ${secret === undefined ? 'is not set' : 'is not valid'}: must be whsec_ and the base64 of ${KEY_BYTES_MIN} to ${KEY_BYTES_MAX} bytes; \`echo whsec_$(openssl rand -base64 32)\` generates one`,
    );
  return { url, events, key };
}
