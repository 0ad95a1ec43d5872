/** `GET /health`: 200 while deliveries are accepted, otherwise 503. */

import type { Writer } from '../core/writer/writer.ts';
import type { Answer } from './answers.ts';

/**
 * @param nowMs wall clock, milliseconds
 * @param uptimeS seconds since the start
 */
export function answerHealth(
  { storage, lagging }: Pick<Writer, 'storage' | 'lagging'>,
  isDraining: boolean,
  nowMs: number,
  uptimeS: number,
): Answer {
  const status = isDraining ? 'shutting_down' : storage === 'ok' ? 'healthy' : 'storage_failing';
  return {
    status: status === 'healthy' ? 200 : 503,
    code: status,
    headers: { 'Cache-Control': 'no-store' },
    body: {
      status,
      service: 'IRISX Webhook Handler',
      timestamp: new Date(nowMs).toISOString(),
      uptime: Math.floor(uptimeS),
      ...(lagging.length > 0 && { projections_behind: lagging }),
    },
  };
}
