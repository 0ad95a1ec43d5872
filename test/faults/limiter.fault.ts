/** D25: who counts as one client, and what counting a million of them takes. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type Fault, fault } from '../support/fault.ts';
import { checkInvariants, MEMORY_BYTES_MAX } from '../support/invariants.ts';
import { openRaw, request } from '../support/raw.ts';
import { deliver } from '../support/receiver.ts';
import { Statuses } from '../support/statuses.ts';

const FORGED = 10_000;
const CLIENTS = 1_000_000;
/** From here on the limiter has all the clients that it keeps, and a garbage collector's rhythm. */
const CLIENTS_BEFORE = 250_000;
const GROWTH_BYTES_MAX = 32 * 1024 * 1024;
const LIMIT = 1000;
/** Requests in one piece. */
const TOGETHER = 100;
const CONNECTIONS = 4;
const MIB = 1024 * 1024;

/** Sends requests without a signature, each with an `X-Forwarded-For`. @returns the answers by status */
async function ask(
  port: number,
  count: number,
  forwardedFor: (index: number) => string,
  localAddress = '127.0.0.1',
): Promise<Readonly<Record<string, number>>> {
  const statuses = new Statuses();
  let index = 0;
  const one = () =>
    request('POST /webhooks HTTP/1.1', [`X-Forwarded-For: ${forwardedFor(index++)}`, 'Content-Length: 0']);
  const sender = async () => {
    const connection = await openRaw(port, localAddress);
    const { socket } = connection;
    const read = statuses.reader();
    socket.removeAllListeners('data');
    while (index < count) {
      let due = Math.min(TOGETHER, count - index);
      socket.write(Array.from({ length: due }, one).join(''));
      await new Promise<void>((resolve, reject) => {
        socket.on('data', (chunk) => {
          due -= read(chunk);
          if (due === 0) resolve();
        });
        socket.once('close', () => reject(new Error('the connection was closed')));
      });
      socket.removeAllListeners('data').removeAllListeners('close');
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, sender));
  return statuses.counts;
}

/** Proves that a signed delivery passes, whoever is over a limit. */
async function assertSignedPasses(port: number, { ledger }: Fault): Promise<void> {
  const body = '{"event":"call.dtmf","data":{"over":"the limit"}}';
  const { status, json } = await deliver({ url: `http://127.0.0.1:${port}` }, body);
  assert.equal(status, 200);
  ledger.acknowledge(body, json['seq'] as number);
}

const address = (index: number) => `${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.9`;

/** With every proxy trusted in http/client.ts … */
fault(
  'D25',
  'X-Forwarded-For forged 10,000 times is one client where no proxy is trusted',
  [],
  async (given) => {
    const program = given.folder.start({ TRUST_PROXY: 'none' });
    const { port } = await program.listening();
    const answers = await ask(port, FORGED, address);
    assert.deepEqual(answers, { 401: LIMIT, 429: FORGED - LIMIT });
    assert.deepEqual(await ask(port, 1, address, '127.0.0.2'), { 401: 1 }, 'another address');
    await assertSignedPasses(port, given);
    await checkInvariants(program, port, given.ledger);
    given.report(FORGED, `${LIMIT} answered 401, the others 429`);
  },
);

/** With clientOf() of core/address-ranges.ts giving back the whole address … */
fault('D25b', '10,000 addresses of one IPv6 /64 are one client', [], async (given) => {
  const program = given.folder.start();
  const { port } = await program.listening();
  const within = (index: number) =>
    `2001:db8:1:2:${given.random.below(65536).toString(16)}::${index.toString(16)}`;
  const answers = await ask(port, FORGED, within);
  assert.deepEqual(answers, { 401: LIMIT, 429: FORGED - LIMIT });
  assert.deepEqual(await ask(port, 1, () => '2001:db8:1:3::1'), { 401: 1 }, 'the next /64');
  await assertSignedPasses(port, given);
  await checkInvariants(program, port, given.ledger);
  given.report(FORGED, `${LIMIT} answered 401, the others 429`);
});

/** Without RATE_LIMIT_CLIENTS_MAX (infinite) … */
fault('D25c', '1,000,000 clients are counted in a bounded memory', [], async (given) => {
  const program = given.folder.start();
  const { port } = await program.listening();
  await ask(port, CLIENTS_BEFORE, address);
  const before = memoryBytes(program.pid);
  const startedMs = performance.now();
  const answers = await ask(port, CLIENTS - CLIENTS_BEFORE, (index) => address(CLIENTS_BEFORE + index));
  const perSecond = ((CLIENTS - CLIENTS_BEFORE) * 1000) / (performance.now() - startedMs);
  assert.deepEqual(answers, { 401: CLIENTS - CLIENTS_BEFORE });
  const after = memoryBytes(program.pid);
  await assertSignedPasses(port, given);
  const { memoryBytes: peak } = await checkInvariants(program, port, given.ledger);
  assert.ok(after - before < GROWTH_BYTES_MAX, `it grew from ${before} to ${after} bytes`);
  assert.ok(peak < MEMORY_BYTES_MAX);
  given.report(
    CLIENTS,
    `${(before / MIB).toFixed(0)} MiB after ${CLIENTS_BEFORE}, ${(after / MIB).toFixed(0)} MiB after all, peak ${(peak / MIB).toFixed(0)} MiB; ${perSecond.toFixed(0)}/s`,
  );
});

/** What a process holds in memory now, in bytes. */
function memoryBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
}
