/**
 * Contestant (d): the storage's own limit. The same batches through the writer's code, without HTTP and without
 * threads; prints events and seconds as JSON.
 */

import { join } from 'node:path';
import { BatchAppender } from '../../src/core/append-batch.ts';
import { openDatabase, prepareDatabaseFile } from '../../src/core/database.ts';
import type { Delivery } from '../../src/core/delivery.ts';
import { derivations } from '../../src/projections/index.ts';
import { seededRandom } from '../cli/random.ts';
import { sampleLog } from '../cli/sample-log.ts';

const [, , folder = '', batchDeliveries = '64', seconds = '3'] = process.argv;
const PREPARED = 400_000;

const path = join(folder, 'storage.db');
prepareDatabaseFile(path);
const database = openDatabase(path, derivations);
const appender = new BatchAppender(database, derivations);
const nowMs = Date.now();
const deliveries: Delivery[] = [];
for (const { type, eventId, body } of sampleLog(seededRandom(1), PREPARED, nowMs)) {
  deliveries.push({
    body: Buffer.from(body),
    path: '/webhooks',
    signature: 'ab'.repeat(32),
    signedAt: Math.floor(nowMs / 1000),
    receivedAtMs: nowMs,
    eventHeader: type,
    eventIdHeader: eventId,
  });
}

const startedMs = performance.now();
const endMs = startedMs + Number(seconds) * 1000;
let events = 0;
while (performance.now() < endMs && events < PREPARED) {
  const batch = deliveries.slice(events, events + Number(batchDeliveries));
  appender.append(batch);
  events += batch.length;
}
const tookS = (performance.now() - startedMs) / 1000;
database.close();
process.stdout.write(`${JSON.stringify({ events, seconds: tookS })}\n`);
