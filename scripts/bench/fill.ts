/** Fills a log with sample events through the writer's code, in large batches; a process of its own. */

import { BatchAppender } from '../../src/core/append-batch.ts';
import { openDatabase, prepareDatabaseFile } from '../../src/core/database.ts';
import { BATCH_DELIVERIES_MAX } from '../../src/core/limits.ts';
import { derivations } from '../../src/projections/index.ts';
import { sampleBatches } from './sample-batches.ts';

const [, , path = '', count = '0', seed = '1'] = process.argv;
const BATCHES_PER_CHECKPOINT = 50;

prepareDatabaseFile(path);
const database = openDatabase(path, derivations);
const appender = new BatchAppender(database, derivations);
let batches = 0;
for (const batch of sampleBatches(Number(count), BATCH_DELIVERIES_MAX, Number(seed))) {
  appender.append(batch);
  batches += 1;
  if (batches % BATCHES_PER_CHECKPOINT === 0) database.pragma('wal_checkpoint(PASSIVE)');
}
database.pragma('wal_checkpoint(TRUNCATE)');
database.close();
