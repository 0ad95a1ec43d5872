/** Sample deliveries in the form that the writer receives, for measuring and filling without HTTP. */

import type { Delivery } from '../../src/core/event/delivery.ts';
import { seededRandom } from '../cli/random.ts';
import { sampleLog } from '../cli/sample-log.ts';

/**
 * @param startedAtMs the time of the first event, milliseconds since 1970 UTC
 * @returns batches of up to `size`, `count` deliveries in total, no two alike with the same seed
 */
export function* sampleBatches(
  count: number,
  size: number,
  seed: number,
  startedAtMs: number,
): Generator<Delivery[]> {
  const nowMs = Date.now();
  let batch: Delivery[] = [];
  for (const { type, eventId, body } of sampleLog(seededRandom(seed), count, startedAtMs)) {
    batch.push({
      body: Buffer.from(body),
      path: '/webhooks',
      signature: 'ab'.repeat(32),
      signedAt: Math.floor(nowMs / 1000),
      receivedAtMs: nowMs,
      eventHeader: type,
      eventIdHeader: eventId,
    });
    if (batch.length === size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
