/**
 * Fills a log with sample events from the past, in large batches, with the writer's code. Runs as a separate process.
 * The new events come after those already in the log.
 */

import { BATCH_DELIVERIES_MAX } from '../../src/core/limits.ts';
import { prepare } from '../../src/core/tables/prepare.ts';
import { BatchAppender } from '../../src/engines/sqlite/append-batch.ts';
import { openDatabase, prepareDatabaseFile } from '../../src/engines/sqlite/file/database.ts';
import { derivations } from '../../src/projections/index.ts';
import { sampleBatches } from './sample-batches.ts';

const [, , path = '', count = '0', seed = '1'] = process.argv;
const BATCHES_PER_CHECKPOINT = 50;
/** Five million sample events span four days. */
const FIRST_MS_AGO = 30 * 24 * 3_600_000;

prepareDatabaseFile(path);
const database = openDatabase(path, derivations);
const appender = new BatchAppender(database, derivations.projections);
const nowMs = Date.now();
const lastMs = database
  .prepare('SELECT max(body_time_ms) FROM events WHERE body_time_ms < ?')
  .pluck()
  .get(nowMs - FIRST_MS_AGO / 2);
const startedAtMs = Number(lastMs ?? nowMs - FIRST_MS_AGO);
let batches = 0;
for (const batch of sampleBatches(Number(count), BATCH_DELIVERIES_MAX, Number(seed), startedAtMs)) {
  appender.append(batch.map((each) => prepare(each, derivations.projections)));
  batches += 1;
  if (batches % BATCHES_PER_CHECKPOINT === 0) database.pragma('wal_checkpoint(PASSIVE)');
}
database.pragma('wal_checkpoint(TRUNCATE)');
database.close();
