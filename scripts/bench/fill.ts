/**
 * Fills a log with sample events from the past, in large batches, with the writer's code. Runs as a separate process.
 * The new events come after those already in the log.
 */

import { BATCH_DELIVERIES_MAX } from '../../src/core/limits.ts';
import { prepare } from '../../src/core/tables/prepare.ts';
import { engineOf } from '../../src/engines/engine-of.ts';
import { derivations } from '../../src/projections/index.ts';
import { sampleBatches } from './sample-batches.ts';

const [, , path = '', count = '0', seed = '1'] = process.argv;
/** Five million sample events span four days. */
const FIRST_MS_AGO = 30 * 24 * 3_600_000;

const engine = engineOf(path, derivations);
await engine.create();
const writer = await engine.openWriter();
const nowMs = Date.now();
const reader = await engine.openReader();
const [found] = await reader.query(
  'SELECT max(body_time_ms) AS last FROM events WHERE body_time_ms < ?',
  nowMs - FIRST_MS_AGO / 2,
);
await reader.close();
const startedAtMs = Number(found?.['last'] ?? nowMs - FIRST_MS_AGO);
for (const batch of sampleBatches(Number(count), BATCH_DELIVERIES_MAX, Number(seed), startedAtMs)) {
  await writer.append(batch.map((delivery) => prepare(delivery, derivations.projections)));
  await writer.idle();
}
await writer.close();
