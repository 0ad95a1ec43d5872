/**
 * The load generator, a separate process that sends pre-signed deliveries over raw keep-alive sockets. Closed loop:
 * each connection sends as soon as it has its answer; this measures throughput. Open loop: deliveries are due at fixed
 * times, whether or not earlier ones have been answered. Latency counts from the due time, so that slow answers show.
 * Any answer other than 200 and any lost connection is an error. Prints a LoadResult as JSON.
 */

import { connect, type Socket } from 'node:net';
import { generateSignature } from '../../src/core/event/signature.ts';
import { Latencies } from '../cli/latencies.ts';
import { seededRandom } from '../cli/random.ts';
import { SAMPLE_EVENT_MS_MAX, sampleLog } from '../cli/sample-log.ts';
import { BENCH_SECRET } from './contestants.ts';

export interface Load {
  readonly port: number;
  readonly connections: number;
  readonly seed: number;
  /** The measured time, which starts after `warmUpSeconds`. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Deliveries due per second in an open loop; undefined: closed loop. */
  readonly ratePerSecond?: number;
}

export interface LoadResult {
  /** Within the measured time. */
  readonly answered: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

interface Connection {
  readonly socket: Socket;
  /** When its request was sent or due, monotonic milliseconds. */
  sinceMs: number;
  /** The beginning of an answer that is not yet complete. */
  rest: string;
}

/** The rate of bare node:http on a fast machine. A closed loop prepares enough deliveries for this rate. */
const RATE_MAX = 100_000;
/** An open loop must not end with a delivery that has waited longer than this for a connection. */
const LATE_MS_MAX = 1000;
const READ_BYTES = 16 * 1024;
/** More than a request has on average. */
const REQUEST_BYTES = 1200;

const load: Load = JSON.parse(process.argv[2] ?? '');
const { ratePerSecond } = load;
const prepared = prepareRequests(
  Math.ceil((ratePerSecond ?? RATE_MAX) * (load.seconds + load.warmUpSeconds) * 1.05) + load.connections,
);
const latencies = new Latencies();
const startMs = performance.now();
const measureMs = startMs + load.warmUpSeconds * 1000;
const endMs = measureMs + load.seconds * 1000;
let sent = 0;

const connections = Array.from({ length: load.connections }, open);
const idle = [...connections];
const overdueMs: number[] = [];
if (ratePerSecond !== undefined) sendDue(ratePerSecond, 0);
else for (const connection of connections) send(connection, startMs);

function open(): Connection {
  const buffer = Buffer.alloc(READ_BYTES);
  const callback = (count: number) => {
    onBytes(connection, buffer.toString('latin1', 0, count));
    return true;
  };
  const socket = connect({ port: load.port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback } });
  const connection: Connection = { socket, sinceMs: startMs, rest: '' };
  return connection;
}

function send(connection: Connection, sinceMs: number): void {
  const request = prepared(sent);
  if (request === undefined) throw new Error(`${sent} prepared deliveries were not enough`);
  connection.sinceMs = sinceMs;
  connection.socket.write(request);
  sent += 1;
}

function onBytes(connection: Connection, text: string): void {
  const answer = connection.rest + text;
  const headEnd = answer.indexOf('\r\n\r\n');
  const length = headEnd === -1 ? undefined : /content-length: (\d+)/i.exec(answer)?.[1];
  if (length === undefined || answer.length < headEnd + 4 + Number(length)) {
    connection.rest = answer;
    return;
  }
  connection.rest = '';
  if (!answer.startsWith('200', 9)) throw new Error(`a delivery was answered ${answer}`);
  const nowMs = performance.now();
  if (nowMs >= measureMs) latencies.add(nowMs - connection.sinceMs);
  if (nowMs >= endMs) return end();
  const dueMs = ratePerSecond === undefined ? nowMs : overdueMs.shift();
  if (dueMs === undefined) idle.push(connection);
  else send(connection, dueMs);
}

/** @param due how many deliveries have been due so far */
function sendDue(rate: number, due: number): void {
  const nowMs = performance.now();
  if (nowMs >= endMs) return end();
  const dueNow = Math.floor(((nowMs - startMs) * rate) / 1000);
  for (let index = due; index < dueNow; index++) {
    const dueMs = startMs + ((index + 1) * 1000) / rate;
    const connection = idle.shift(); // in turn, so that none stays idle until the server closes it
    if (connection === undefined) overdueMs.push(dueMs);
    else send(connection, dueMs);
  }
  setTimeout(sendDue, 1, rate, dueNow);
}

function end(): void {
  const nowMs = performance.now();
  if (nowMs - (overdueMs[0] ?? nowMs) > LATE_MS_MAX)
    throw new Error(`${ratePerSecond} deliveries/s are too many for the server`);
  const result: LoadResult = {
    answered: latencies.count,
    perSecond: (latencies.count * 1000) / (nowMs - measureMs),
    p50Ms: latencies.percentileMs(50),
    p99Ms: latencies.percentileMs(99),
    maxMs: latencies.maxMs,
  };
  process.stdout.write(JSON.stringify(result));
  process.exit();
}

/**
 * Signs and serializes a realistic mix of the fourteen types in the three shapes, no two alike, so that they only have
 * to be written. They are signed with the current time and must therefore be sent within MAX_AGE. They occurred before,
 * because times after the signature are unusable.
 * @returns a function that gives the bytes of the complete request `index`; undefined from `count` on
 */
function prepareRequests(count: number): (index: number) => Buffer | undefined {
  const bytes = Buffer.allocUnsafeSlow(count * REQUEST_BYTES);
  const ends = new Uint32Array(count + 1);
  const timestamp = Math.floor(Date.now() / 1000);
  let index = 0;
  const startedAtMs = Date.now() - count * SAMPLE_EVENT_MS_MAX;
  for (const { type, eventId, body } of sampleLog(seededRandom(load.seed), count, startedAtMs)) {
    const head = [
      'POST /webhooks HTTP/1.1',
      'Host: localhost',
      'User-Agent: IRISX-Webhooks/1.0',
      'Content-Type: application/json',
      `X-IRISX-Signature: ${generateSignature(body, BENCH_SECRET, timestamp)}`,
      `X-IRISX-Timestamp: ${timestamp}`,
      `X-IRISX-Event: ${type}`,
      `X-IRISX-Event-ID: ${eventId}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
    ].join('\r\n');
    const start = ends[index] ?? 0;
    ends[index + 1] = start + bytes.write(`${head}\r\n\r\n${body}`, start);
    index += 1;
  }
  return (each) => (each < count ? bytes.subarray(ends[each], ends[each + 1]) : undefined);
}
