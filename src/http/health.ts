/** `GET /health`: 200 while deliveries are accepted, otherwise 503. */

import type { Writer } from '../core/writer/writer.ts';
import type { Answer } from './answers.ts';

export interface HealthOf {
  readonly writer: Pick<Writer, 'storage' | 'lagging'>;
  readonly draining: boolean;
  /** Wall clock, milliseconds. */
  readonly nowMs: number;
  /** Seconds since the start. */
  readonly uptimeS: number;
}

export function answerHealth({ writer, draining, nowMs, uptimeS }: HealthOf): Answer {
  const status = draining ? 'shutting_down' : writer.storage === 'ok' ? 'healthy' : 'storage_failing';
  return {
    status: status === 'healthy' ? 200 : 503,
    code: status,
    headers: { 'Cache-Control': 'no-store' },
    body: {
      status,
      service: 'IRISX Webhook Handler',
      timestamp: new Date(nowMs).toISOString(),
      uptime: Math.floor(uptimeS),
      ...(writer.lagging.length > 0 && { projections_behind: writer.lagging }),
    },
  };
}
