/** Deliveries that are signed and serialized in advance, so that the generator only has to write them. */

import { generateSignature } from '../../src/core/event/signature.ts';
import { seededRandom } from '../cli/random.ts';
import { sampleLog } from '../cli/sample-log.ts';

const BYTES_EACH = 1200;

/**
 * A realistic mix of the fourteen types in the three shapes, no two alike. They are signed with the current time and
 * must therefore be sent within MAX_AGE.
 * @returns a function that gives the bytes of the complete request `index`; undefined from `count` on
 */
export function prepareDeliveries(
  count: number,
  seed: number,
  secret: string,
): (index: number) => Buffer | undefined {
  const bytes = Buffer.allocUnsafeSlow(count * BYTES_EACH);
  const ends = new Uint32Array(count + 1);
  const timestamp = Math.floor(Date.now() / 1000);
  let index = 0;
  for (const { type, eventId, body } of sampleLog(seededRandom(seed), count, Date.now())) {
    const head = [
      'POST /webhooks HTTP/1.1',
      'Host: localhost',
      'User-Agent: IRISX-Webhooks/1.0',
      'Content-Type: application/json',
      `X-IRISX-Signature: ${generateSignature(body, secret, timestamp)}`,
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
