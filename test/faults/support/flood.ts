/** A flood of forged deliveries from a separate process. Only their digest is wrong. */

import { connect, type Socket } from 'node:net';
import { forgedRequest } from '../../support/raw.ts';
import { separateProcess } from './separate-process.ts';

export interface FloodOptions {
  readonly port: number;
  readonly ratePerSecond: number;
  readonly connections: number;
  /** The addresses from which they are sent, in turn. */
  readonly localAddresses: readonly string[];
}

export interface FloodSeen {
  readonly sent: number;
  /** Answers by status. */
  readonly answers: Readonly<Record<string, number>>;
}

/** Floods from when it is ready until it is ended. */
export const startFlood = separateProcess(import.meta.filename, flood);

const TICK_MS = 2;
/** The number of unanswered requests on one connection. */
const UNANSWERED_MAX = 20;

interface Line {
  readonly socket: Socket;
  unanswered: number;
}

async function flood(options: FloodOptions): Promise<() => FloodSeen> {
  const { port, ratePerSecond, localAddresses } = options;
  const answers: Record<string, number> = {};
  const lines: Line[] = [];
  let sent = 0;

  function openLine(index: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const localAddress = localAddresses[index % localAddresses.length] ?? '127.0.0.1';
      const line: Line = { socket: connect({ port, host: '127.0.0.1', localAddress }), unanswered: 0 };
      line.socket.on('connect', () => {
        lines[index] = line;
        resolve();
      });
      line.socket.on('data', (chunk) => {
        for (const [, status = ''] of chunk.toString('latin1').matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
          answers[status] = (answers[status] ?? 0) + 1;
          line.unanswered -= 1;
        }
      });
      line.socket.on('error', reject);
      line.socket.on('close', () => void openLine(index).catch(() => {}));
    });
  }
  await Promise.all(Array.from({ length: options.connections }, (_, index) => openLine(index)));

  const startedMs = performance.now();
  setInterval(() => {
    const due = ((performance.now() - startedMs) * ratePerSecond) / 1000;
    for (let tried = 0; sent < due && tried < lines.length * UNANSWERED_MAX; tried++) {
      const line = lines[(sent + tried) % lines.length];
      if (line === undefined || line.unanswered >= UNANSWERED_MAX || line.socket.destroyed) continue;
      line.socket.write(forged(sent));
      line.unanswered += 1;
      sent += 1;
    }
  }, TICK_MS);
  return () => ({ sent, answers });
}

function forged(n: number): string {
  const body = JSON.stringify({
    event: 'call.completed',
    data: { call_uuid: `forged-${n}`, duration_seconds: 7 },
  });
  return forgedRequest(['Content-Type: application/json', `Content-Length: ${body.length}`], body);
}
