/**
 * The writer's code alone: appends sample events in batches, including checkpoints, without HTTP or threads. Runs as a
 * separate process, also to fill a log: the new events come after those already in it. Prints an AppendResult as JSON.
 */

import { prepare } from '../../src/core/tables/prepare.ts';
import { engineOf } from '../../src/engines/engine-of.ts';
import { derivations } from '../../src/projections/index.ts';
import { seededRandom } from '../cli/random.ts';
import type { SampleDelivery } from '../cli/sample-events.ts';
import { sampleLog } from '../cli/sample-log.ts';

export interface AppendOptions {
  readonly databasePath: string;
  readonly seed: number;
  readonly batchDeliveries: number;
  /** It stops when the log has this many events. */
  readonly eventsInLog?: number;
  /** It stops after this many seconds of appending. */
  readonly secondsMax?: number;
}

export interface AppendResult {
  /** Events appended, without the time that it takes to make the samples. */
  readonly perSecond: number;
}

const DAY_MS = 24 * 3_600_000;
/** Five million sample events span four days. Opt-outs must not be older than a week. */
const FIRST_MS_AGO = 6.5 * DAY_MS;

const options: AppendOptions = JSON.parse(process.argv[2] ?? '');
const engine = engineOf(options.databasePath, derivations);
await engine.create();
const writer = await engine.openWriter();
const { seq: seqBefore, endedAtMs } = await endOfLog();
const samples = sampleLog(seededRandom(options.seed), Number.POSITIVE_INFINITY, endedAtMs);
const { eventsInLog = Number.POSITIVE_INFINITY, secondsMax = Number.POSITIVE_INFINITY } = options;
let seq = seqBefore;
let tookMs = 0;
while (seq < eventsInLog && tookMs < secondsMax * 1000) {
  // Made on demand, outside the measured time: holding them all would slow down garbage collection.
  const count = Math.min(options.batchDeliveries, eventsInLog - seq);
  const deliveries = Array.from({ length: count }, nextDelivery);
  const startedMs = performance.now();
  await writer.append(deliveries.map((delivery) => prepare(delivery, derivations.projections)));
  await writer.idle();
  tookMs += performance.now() - startedMs;
  seq += count;
}
await writer.close();
const result: AppendResult = { perSecond: ((seq - seqBefore) * 1000) / tookMs };
process.stdout.write(JSON.stringify(result));

/** The last event's seq, and when it happened: if the log is empty, a time in the past. Milliseconds since 1970. */
async function endOfLog() {
  const nowMs = Date.now();
  const reader = await engine.openReader();
  const [found] = await reader.query(
    'SELECT max(body_time_ms) AS last FROM events WHERE body_time_ms < ?',
    nowMs - DAY_MS, // later ones are those that a generator has sent
  );
  const { seq } = await reader.head();
  await reader.close();
  return { seq, endedAtMs: Number(found?.['last'] ?? nowMs - FIRST_MS_AGO) };
}

function nextDelivery() {
  const { type, eventId, body } = samples.next().value as SampleDelivery;
  const receivedAtMs = Date.now();
  return {
    body: Buffer.from(body),
    path: '/webhooks',
    signature: 'ab'.repeat(32),
    signedAt: Math.floor(receivedAtMs / 1000),
    receivedAtMs,
    eventHeader: type,
    eventIdHeader: eventId,
  };
}
