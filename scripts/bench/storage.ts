/**
 * Contestant (d): the storage's own limit. The same batches through the writer's code, without HTTP and without
 * threads; prints events and seconds as JSON.
 */

import { join } from 'node:path';
import { BatchAppender } from '../../src/core/append-batch.ts';
import { openDatabase, prepareDatabaseFile } from '../../src/core/database.ts';
import { derivations } from '../../src/projections/index.ts';
import { sampleBatches } from './sample-batches.ts';

const [, , folder = '', batchDeliveries = '64', seconds = '3'] = process.argv;
const PREPARED = 400_000;

const path = join(folder, 'storage.db');
prepareDatabaseFile(path);
const database = openDatabase(path, derivations);
const appender = new BatchAppender(database, derivations);
const batches = [...sampleBatches(PREPARED, Number(batchDeliveries), 1)];

const startedMs = performance.now();
const endMs = startedMs + Number(seconds) * 1000;
let events = 0;
for (const batch of batches) {
  if (performance.now() >= endMs) break;
  appender.append(batch);
  events += batch.length;
}
const tookS = (performance.now() - startedMs) / 1000;
database.close();
process.stdout.write(`${JSON.stringify({ events, seconds: tookS })}\n`);
