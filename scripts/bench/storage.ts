/**
 * Contestant (d), the limit of the storage: runs the same batches through the writer's code, including checkpoints,
 * without HTTP or threads. Prints events and seconds as JSON.
 */

import { join } from 'node:path';
import { prepare } from '../../src/core/tables/prepare.ts';
import { BatchAppender } from '../../src/engines/sqlite/append-batch.ts';
import { checkpointsOf } from '../../src/engines/sqlite/file/checkpoints.ts';
import { openDatabase, prepareDatabaseFile } from '../../src/engines/sqlite/file/database.ts';
import { derivations } from '../../src/projections/index.ts';
import { sampleBatches } from './sample-batches.ts';

const [, , folder = '', batchDeliveries = '64', seconds = '3'] = process.argv;
const path = join(folder, 'storage.db');
prepareDatabaseFile(path);
const database = openDatabase(path, derivations);
const checkpoint = checkpointsOf(database, path);
const appender = new BatchAppender(database, derivations.projections);
// Batches are made on demand, outside the measured time: holding them all would slow down garbage collection.
let tookMs = 0;
let events = 0;
for (const batch of sampleBatches(Number.POSITIVE_INFINITY, Number(batchDeliveries), 1, Date.now())) {
  const startedMs = performance.now();
  appender.append(batch.map((each) => prepare(each, derivations.projections)));
  checkpoint();
  tookMs += performance.now() - startedMs;
  events += batch.length;
  if (tookMs >= Number(seconds) * 1000) break;
}
const tookS = tookMs / 1000;
database.close();
process.stdout.write(`${JSON.stringify({ events, seconds: tookS })}\n`);
