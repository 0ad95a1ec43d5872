/** D25: a client that forges its address still counts as one client, and many clients do not fill the memory. */

import assert from 'node:assert/strict';
import { openRaw, request } from '../support/raw.ts';
import { type Fault, fault } from './support/fault.ts';
import { checkInvariants, memoryPeakBytes } from './support/invariants.ts';

const LIMIT = 100;
const FORGED = 10_000;
const CLIENTS = 1_000_000;
const PIPELINED = 500;

const ipv4 = (n: number) => `${11 + (n >> 24)}.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;

/**
 * Requests a challenge, which counts, as each of `count` clients.
 * @returns the number of answers by status
 */
async function askAs(
  port: number,
  count: number,
  clientOf: (n: number) => string,
): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  const connection = await openRaw(port);
  for (let n = 0; n < count; n += PIPELINED) {
    const size = Math.min(PIPELINED, count - n);
    const texts = Array.from({ length: size }, (_, index) =>
      request('GET /webhooks?challenge=x HTTP/1.1', [`X-Forwarded-For: ${clientOf(n + index)}`]),
    );
    connection.send(texts.join(''));
    for (let answer = 0; answer < size; answer++) {
      const { status } = await connection.next();
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  }
  connection.close();
  return statuses;
}

const ipv6 = (n: number) => `2001:db8:1:2:${(n >> 8).toString(16)}::${(n & 255).toString(16)}`;

/** Checks that the requests of all these clients count as those of one. */
async function countAsOne(
  given: Fault,
  env: Record<string, string>,
  clientOf: (n: number) => string,
): Promise<void> {
  const program = given.folder.start({ ...env, RATE_LIMIT_MAX: String(LIMIT) });
  await program.listening();
  const statuses = await askAs(given.port, FORGED, clientOf);
  assert.deepEqual(Object.fromEntries(statuses), { 200: LIMIT, 429: FORGED - LIMIT });
  await checkInvariants(program, given);
  given.report(FORGED, `${LIMIT} answered, ${FORGED - LIMIT} × 429`);
}

/** Seen to fail with `TRUST_PROXY=loopback` instead of `none`: none of 10,000 was refused. */
fault('D25a', '10,000 forged X-Forwarded-For are one client if no proxy is trusted', [], (given) =>
  countAsOne(given, { TRUST_PROXY: 'none' }, ipv4),
);

/** Seen to fail without the /64 in clientOf() of address-ranges.ts: none of 10,000 was refused. */
fault('D25b', '10,000 IPv6 addresses of one /64 are one client', [], (given) => countAsOne(given, {}, ipv6));

/** Seen to fail without the bound on clients in rate-limiter.ts: 371 MB. */
fault('D25c', '1,000,000 clients take a bounded amount of memory', [], async (given) => {
  const program = given.folder.start({ RATE_LIMIT_MAX: String(LIMIT), LOG_LEVEL: 'warn' });
  await program.listening();
  const statuses = await askAs(given.port, CLIENTS, ipv4);
  assert.deepEqual(Object.fromEntries(statuses), { 200: CLIENTS });
  const bytes = memoryPeakBytes(program.pid);
  await checkInvariants(program, given);
  given.report(CLIENTS, `${(bytes / 1e6).toFixed(0)} MB at most`);
});
