/**
 * Contestant (d), the limit of the storage: runs the same batches through the writer's code, including checkpoints,
 * without HTTP or threads. Prints events and seconds as JSON.
 */

import { join } from 'node:path';
import { prepare } from '../../src/core/tables/prepare.ts';
import { engineOf } from '../../src/engines/engine-of.ts';
import { derivations } from '../../src/projections/index.ts';
import { sampleBatches } from './sample-batches.ts';

const [, , folder = '', batchDeliveries = '64', seconds = '3'] = process.argv;
const engine = engineOf(join(folder, 'storage.db'), derivations);
await engine.create();
const writer = await engine.openWriter();
// Batches are made on demand, outside the measured time: holding them all would slow down garbage collection.
let tookMs = 0;
let events = 0;
for (const batch of sampleBatches(Number.POSITIVE_INFINITY, Number(batchDeliveries), 1, Date.now())) {
  const startedMs = performance.now();
  await writer.append(batch.map((delivery) => prepare(delivery, derivations.projections)));
  await writer.idle();
  tookMs += performance.now() - startedMs;
  events += batch.length;
  if (tookMs >= Number(seconds) * 1000) break;
}
await writer.close();
process.stdout.write(`${JSON.stringify({ events, seconds: tookMs / 1000 })}\n`);
