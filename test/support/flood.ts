/** A flood of forged deliveries at a fixed rate, from a process of its own. */

import { connect, type Socket } from 'node:net';
import { type Helper, serveHelper, startHelper } from './helper.ts';
import { request } from './raw.ts';
import { Statuses } from './statuses.ts';

export interface FloodOptions {
  readonly port: number;
  readonly ratePerSecond: number;
  /** Where they come from, in turn. */
  readonly localAddresses: readonly string[];
  readonly connections: number;
}

export interface FloodSeen {
  readonly answered: number;
  readonly perSecond: number;
  readonly statuses: Readonly<Record<string, number>>;
}

/** Ready when its connections are open; then it begins. */
export function startFlood(options: FloodOptions): Helper<FloodSeen> {
  return startHelper<FloodOptions, FloodSeen>('flood', options);
}

/** Requests in one write, and those of a connection that may be unanswered. */
const TOGETHER_MAX = 4;
const UNANSWERED_MAX = 8;
const TICK_MS = 5;

/** Well-formed in everything, but no secret has made its digest. */
function forged(): string {
  const body = JSON.stringify({
    event: 'sms.received',
    data: { message_id: 'forged', message: 'x'.repeat(200) },
  });
  const headers = [
    `X-IRISX-Signature: sha256=${'0'.repeat(64)}`,
    `X-IRISX-Timestamp: ${Math.floor(Date.now() / 1000)}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ];
  return request('POST /webhooks HTTP/1.1', headers, body);
}

interface Line {
  socket: Socket;
  unanswered: number;
}

async function flood({ port, ratePerSecond, localAddresses, connections }: FloodOptions) {
  const statuses = new Statuses();
  const pieces = Array.from({ length: TOGETHER_MAX }, (_, index) => Buffer.from(forged().repeat(index + 1)));

  const open = (line: Line | undefined, index: number): Promise<Line> =>
    new Promise((resolve) => {
      const localAddress = localAddresses[index % localAddresses.length] ?? '127.0.0.1';
      const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
      const opened: Line = line ?? { socket, unanswered: 0 };
      const read = statuses.reader();
      socket.on('connect', () => {
        Object.assign(opened, { socket, unanswered: 0 });
        resolve(opened);
      });
      socket.on('data', (chunk) => {
        opened.unanswered -= read(chunk);
      });
      socket.on('error', () => {});
      socket.on('close', () => {
        opened.unanswered = Number.POSITIVE_INFINITY;
        void open(opened, index);
      });
    });

  const lines = await Promise.all(Array.from({ length: connections }, (_, index) => open(undefined, index)));
  const startedMs = performance.now();
  let sent = 0;
  let turn = 0;
  setInterval(() => {
    let due = Math.floor(((performance.now() - startedMs) * ratePerSecond) / 1000) - sent;
    for (let tried = 0; tried < lines.length && due > 0; tried++) {
      const line = lines[turn++ % lines.length] as Line;
      const count = Math.min(TOGETHER_MAX, due, UNANSWERED_MAX - line.unanswered);
      if (count <= 0) continue;
      line.socket.write(pieces[count - 1] as Buffer);
      line.unanswered += count;
      sent += count;
      due -= count;
    }
  }, TICK_MS);
  return (): FloodSeen => ({
    answered: statuses.total,
    perSecond: (statuses.total * 1000) / (performance.now() - startedMs),
    statuses: statuses.counts,
  });
}

if (process.argv[1] === import.meta.filename) serveHelper(flood);
