/** C14 to C16: crowds of slow clients while a sender delivers. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import {
  ANSWER_WRITE_MS,
  BUFFERED_BODIES_BYTES_MAX,
  CONNECTIONS_PER_CLIENT_MAX,
  HEADERS_TIMEOUT_MS,
  REQUEST_TIMEOUT_MS,
  TIMEOUT_CHECK_MS,
} from '../../src/core/limits.ts';
import type { Program } from '../support/program.ts';
import { forgedRequest, request } from '../support/raw.ts';
import { until } from '../support/receiver.ts';
import { startCrowd } from './support/crowd.ts';
import { type Fault, fault } from './support/fault.ts';
import { checkInvariants } from './support/invariants.ts';
import { type Load, quantile } from './support/load.ts';
import { type MachinePausesSeen, watchMachinePauses } from './support/machine-pauses.ts';
import type { SeparateProcess } from './support/separate-process.ts';

/** Slow clients of each kind. */
const SLOW = 1000;
const IDLE = 10_000;
/** The delay that a busy machine, or a crowd that times out all at once, may add to a limit. */
const SLACK_MS = 3000;
/** The server may see a connection open this much earlier than the client does. */
const EARLY_MS = 500;
/** Until each of them blocks, the server has to write answers to it; this rate uses half of the server's time. */
const READERS_PER_SECOND = 100;
const ANSWER_MS_MAX = 1000;
const DELIVERIES_PER_SECOND = 50;
const MIB = 1024 * 1024;

interface Sender extends Load {
  readonly machine: SeparateProcess<MachinePausesSeen>;
}

async function senderBeside(given: Fault): Promise<Sender> {
  const machine = watchMachinePauses({ folder: given.folder.path });
  given.after(() => machine.end());
  await machine.ready;
  const load = given.startLoad({ connections: 16, ratePerSecond: DELIVERIES_PER_SECOND });
  return { ...load, machine };
}

/**
 * Checks that every delivery was accepted at its first try, within a second of its due time beyond what the machine
 * itself was away, and all invariants. @returns the figures
 */
async function assertUndisturbed(
  given: Fault,
  program: Program,
  { counts, machine }: Sender,
): Promise<string> {
  const { statuses, refused, broken, tookMs } = counts;
  const { longestMs } = await machine.look();
  assert.deepEqual([...statuses.keys()], [200], `answers to signed deliveries: ${[...statuses]}`);
  assert.deepEqual({ refused, broken }, { refused: 0, broken: 0 });
  const slowestMs = Math.max(...tookMs);
  assert.ok(
    slowestMs < ANSWER_MS_MAX + longestMs,
    `a signed delivery took ${slowestMs} ms, the machine's longest pause was ${longestMs} ms`,
  );
  const [p99, max, pause] = [quantile(tookMs, 0.99), slowestMs, longestMs].map((ms) => ms.toFixed(0));
  const { memoryBytes } = await checkInvariants(program, given);
  const signed = `${tookMs.length} signed p99 ${p99} ms, max ${max} ms (machine ${pause} ms)`;
  return `${signed}; ${(memoryBytes / MIB).toFixed(0)} MiB`;
}

/**
 * Seen to fail with `headersTimeout` and `requestTimeout` of http/server.ts at 0: `not within 9000 ms: no slow
 * headers are left`.
 */
fault(
  'C14',
  '1,000 slow headers and 1,000 slow bodies are closed in time, and deliveries stay fast meanwhile',
  [],
  async (given) => {
    const program = given.folder.start({ TRUST_PROXY: 'none' });
    await program.listening();
    const load = await senderBeside(given);
    const crowd = (address: string, opening: string, text: string) => {
      const drip = { text, everyMs: 500 };
      const helper = startCrowd({
        port: given.port,
        connections: SLOW,
        localAddresses: [address],
        opening,
        drip,
      });
      given.after(() => helper.end());
      return helper;
    };
    const headers = crowd('127.0.0.2', 'POST /webhooks HTTP/1.1\r\nHost: a\r\nX-A: ', 'a');
    const bodies = crowd('127.0.0.3', forgedRequest(['Transfer-Encoding: chunked']), '1\r\nx\r\n');

    const figures: string[] = [];
    for (const [name, helper, limitMs] of [
      ['headers', headers, HEADERS_TIMEOUT_MS],
      ['bodies', bodies, REQUEST_TIMEOUT_MS],
    ] as const) {
      await helper.ready;
      const isOver = async () => (await helper.look()).open === 0;
      await until(isOver, `no slow ${name} are left`, limitMs + TIMEOUT_CHECK_MS + SLACK_MS);
      const { answers, closedAfterMs } = await helper.look();
      // A client that still sends into a closed connection may be reset before it has read its answer.
      const { 408: late = 0, reset = 0, ...others } = answers;
      assert.deepEqual(others, {}, `other answers to slow ${name}`);
      assert.ok(late >= SLOW / 2 && late + reset === SLOW, `${late} slow ${name} were answered 408`);
      figures.push(`${name} closed within ${assertClosed(closedAfterMs, limitMs)}`);
    }
    await load.finish();
    const rest = await assertUndisturbed(given, program, load);
    given.report(2 * SLOW, `${figures.join(', ')}; ${rest}`);
  },
);

/**
 * Seen to fail without isCutOff() in http/server.ts: `I6: 563949568 bytes of memory`; and without closeStalled() of
 * http/connections.ts: 81 readers were left.
 */
fault(
  'C14b',
  '1,000 slow readers are cut off in time, and deliveries stay fast meanwhile',
  ['python3'],
  async (given) => {
    const program = given.folder.start({ TRUST_PROXY: 'none' });
    await program.listening();
    const load = await senderBeside(given);
    const limitMs = ANSWER_WRITE_MS + TIMEOUT_CHECK_MS;
    const lastMs = (SLOW / READERS_PER_SECOND) * 1000 + limitMs + SLACK_MS;
    const script = join(import.meta.dirname, 'support/slow-readers.py');
    const args = [script, given.port, '127.0.0.2', SLOW, READERS_PER_SECOND, lastMs / 1000].map(String);
    const readers = spawn('python3', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    given.after(() => void readers.kill());
    const seen = JSON.parse(await text(readers.stdout)) as { open: number; closed_after_s: number[] };
    assert.equal(seen.open, 0, 'slow readers that are left');
    const closed = assertClosed(
      seen.closed_after_s.map((s) => s * 1000),
      ANSWER_WRITE_MS,
      0,
    );
    await until(() => openFiles(program.pid) < SLOW / 2, 'the server has closed their sockets');
    await load.finish();
    const rest = await assertUndisturbed(given, program, load);
    given.report(SLOW, `closed within ${closed}; ${rest}`);
  },
);

/** Checks that none was closed before its limit or much later. @returns when the last one was closed, in seconds */
function assertClosed(
  closedAfterMs: readonly number[],
  limitMs: number,
  leastMs = limitMs - EARLY_MS,
): string {
  const [firstMs, lastMs] = [Math.min(...closedAfterMs), Math.max(...closedAfterMs)];
  assert.ok(firstMs > leastMs, `closed after ${firstMs} ms`);
  assert.ok(lastMs < limitMs + TIMEOUT_CHECK_MS + SLACK_MS, `closed after ${lastMs} ms`);
  return `${(lastMs / 1000).toFixed(1)} s`;
}

/** How many files and sockets a process has open. */
function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/**
 * Seen to fail without the budget of http/body.ts (`take` always true): `only 0 gave way`; and without makeRoom()
 * there: 1,000 of the answers to signed deliveries were 503 and 3,322 were 429.
 */
fault(
  'C15',
  '1,000 bodies lacking their last byte take a bounded amount of memory and block no delivery',
  [],
  async (given) => {
    const bodyBytes = MIB;
    const program = given.folder.start();
    await program.listening();
    const load = await senderBeside(given);
    const crowd = startCrowd({
      port: given.port,
      connections: SLOW,
      localAddresses: ['127.0.0.2', '127.0.0.3'],
      opening: forgedRequest([`Content-Length: ${bodyBytes}`]),
      fillerBytes: bodyBytes - 1,
    });
    given.after(() => crowd.end());
    await crowd.ready;
    const isOver = async () => (await crowd.look()).open === 0;
    await until(isOver, 'none is left', REQUEST_TIMEOUT_MS + TIMEOUT_CHECK_MS + 2 * SLACK_MS);
    const { answers } = await crowd.look();
    const room = Math.ceil(BUFFERED_BODIES_BYTES_MAX / (bodyBytes - 1));
    const { 503: gaveWay = 0, 408: late = 0, ...others } = answers;
    assert.deepEqual(others, {}, 'other answers');
    assert.ok(gaveWay >= SLOW - room, `only ${gaveWay} gave way`);
    await load.finish();
    const rest = await assertUndisturbed(given, program, load);
    given.report(SLOW, `${gaveWay} gave way (503), ${late} were late (408); ${rest}`);
  },
);

/** Seen to fail without CONNECTIONS_PER_CLIENT_MAX in http/connections.ts: one address held all 2,000 it asked for. */
fault(
  'C16',
  '10,000 idle connections take little memory and delay no delivery, and one address cannot hold them all',
  ['prlimit'],
  async (given) => {
    const program = given.folder.start({ TRUST_PROXY: 'none' }, ['prlimit', '--nofile=16384:16384']);
    await program.listening();
    const opening = request('GET /health HTTP/1.1');
    const addresses = Array.from(
      { length: IDLE / CONNECTIONS_PER_CLIENT_MAX },
      (_, index) => `127.0.0.${index + 2}`,
    );
    const idle = startCrowd({
      port: given.port,
      connections: IDLE,
      localAddresses: addresses,
      opening,
      awaitsAnswers: true,
    });
    given.after(() => idle.end());
    await idle.ready;
    assert.deepEqual(await idle.look(), { open: IDLE, answers: { 200: IDLE }, closedAfterMs: [] });

    const load = await senderBeside(given);
    await load.acknowledged(3 * DELIVERIES_PER_SECOND);
    const greedy = startCrowd({
      port: given.port,
      connections: CONNECTIONS_PER_CLIENT_MAX + SLOW,
      localAddresses: ['127.0.1.1'],
      opening,
      awaitsAnswers: true,
    });
    given.after(() => greedy.end());
    await greedy.ready;
    const { open } = await greedy.look();
    assert.equal(open, CONNECTIONS_PER_CLIENT_MAX, 'what one address holds');
    await load.acknowledged(3 * DELIVERIES_PER_SECOND);
    await load.finish();
    assert.equal((await idle.look()).open, IDLE, 'they are still there');
    await idle.end();
    await greedy.end();
    const rest = await assertUndisturbed(given, program, load);
    given.report(IDLE, `${rest}; one address held ${open}`);
  },
);
