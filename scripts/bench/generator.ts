/**
 * The load generator, a separate process that sends pre-signed deliveries over raw keep-alive sockets. Closed loop:
 * each connection sends as soon as it has its answer; this measures throughput. Open loop: deliveries are due at fixed
 * times, whether or not earlier ones have been answered. Latency counts from the due time, so that slow answers show.
 */

import { connect, type Socket } from 'node:net';
import { type Prepared, prepareDeliveries } from './prepared.ts';

export interface Run {
  readonly port: number;
  readonly connections: number;
  readonly secret: string;
  readonly seed: number;
  /** The measured time, which starts after `warmUpSeconds`. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Deliveries due per second; undefined: closed loop, at most `ratePerSecondMax`. */
  readonly ratePerSecond: number | undefined;
  /** Requests are prepared for this many deliveries per second. */
  readonly ratePerSecondMax: number;
}

export interface RunResult {
  /** 200s within the measured time. */
  readonly answered: number;
  /** Answers that were not 200, and connections lost, in the whole run. */
  readonly failed: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

interface Connection {
  readonly socket: Socket;
  /** Monotonic milliseconds: when its request was sent or due; undefined while it is idle. */
  sinceMs: number | undefined;
  /** The beginning of an answer that is not yet complete. */
  rest: string;
}

const READ_BYTES = 16 * 1024;

export function generate(run: Run, deliveries: Prepared): Promise<RunResult> {
  const tookMs = new Float64Array(deliveries.count);
  const startMs = performance.now();
  const measureMs = startMs + run.warmUpSeconds * 1000;
  const endMs = measureMs + run.seconds * 1000;
  let next = 0;
  let answered = 0;
  let failed = 0;
  const idle: Connection[] = [];
  const overdue: number[] = [];
  let isOver = false;

  return new Promise((resolve, reject) => {
    const connections: Connection[] = [];
    for (let index = 0; index < run.connections; index++) {
      const connection: Connection = {
        socket: open((bytes) => onBytes(connection, bytes)),
        sinceMs: undefined,
        rest: '',
      };
      connections.push(connection);
    }

    function open(onread: (text: string) => void): Socket {
      const buffer = Buffer.alloc(READ_BYTES);
      const socket = connect({
        port: run.port,
        host: '127.0.0.1',
        noDelay: true,
        onread: {
          buffer,
          callback(count) {
            onread(buffer.toString('latin1', 0, count));
            return true;
          },
        },
      });
      socket.on('error', (error) => {
        if (!isOver) end(error);
      });
      return socket;
    }

    function send(connection: Connection, sinceMs: number): void {
      if (next === deliveries.count) return end(new Error(`${next} prepared deliveries were not enough`));
      connection.sinceMs = sinceMs;
      connection.socket.write(deliveries.at(next));
      next += 1;
    }

    function onBytes(connection: Connection, text: string): void {
      const whole = connection.rest + text;
      const headEnd = whole.indexOf('\r\n\r\n');
      const length = headEnd === -1 ? undefined : /content-length: (\d+)/i.exec(whole)?.[1];
      if (length === undefined || whole.length < headEnd + 4 + Number(length)) {
        connection.rest = whole;
        return;
      }
      connection.rest = '';
      const nowMs = performance.now();
      if (whole.startsWith('200', 9)) {
        if (nowMs >= measureMs) tookMs[answered++] = nowMs - (connection.sinceMs ?? nowMs);
      } else failed += 1;
      connection.sinceMs = undefined;
      if (nowMs >= endMs) return end();
      if (run.ratePerSecond === undefined) return send(connection, nowMs);
      const dueMs = overdue.shift();
      if (dueMs === undefined) idle.push(connection);
      else send(connection, dueMs);
    }

    let due = 0;
    function sendDue(): void {
      if (isOver) return;
      const nowMs = performance.now();
      if (nowMs >= endMs) return end();
      const dueNow = Math.floor(((nowMs - startMs) * (run.ratePerSecond ?? 0)) / 1000);
      for (; due < dueNow; due++) {
        const dueMs = startMs + ((due + 1) * 1000) / (run.ratePerSecond ?? 1);
        const connection = idle.shift(); // in turn, so that none stays idle until the server closes it
        if (connection === undefined) overdue.push(dueMs);
        else send(connection, dueMs);
      }
      setTimeout(sendDue, 1);
    }

    function end(error?: Error): void {
      if (isOver) return;
      isOver = true;
      const nowMs = performance.now();
      // Deliveries still unanswered count as failed if they have waited for more than a second.
      for (const dueMs of [...overdue, ...connections.map(({ sinceMs }) => sinceMs ?? nowMs)])
        if (run.ratePerSecond !== undefined && nowMs - dueMs > 1000) failed += 1;
      for (const { socket } of connections) socket.destroy();
      if (error !== undefined) return reject(error);
      const sorted = tookMs.subarray(0, answered).sort();
      const at = (share: number) => sorted[Math.max(0, Math.ceil(answered * share) - 1)] ?? 0;
      resolve({
        answered,
        failed,
        seconds: (nowMs - measureMs) / 1000,
        p50Ms: at(0.5),
        p99Ms: at(0.99),
        maxMs: at(1),
      });
    }

    if (run.ratePerSecond === undefined) for (const connection of connections) send(connection, startMs);
    else {
      idle.push(...connections);
      sendDue();
    }
  });
}

/** As a child process: prepares the requests, reports that it is ready, and starts sending on the parent's signal. */
if (process.send !== undefined) {
  const say = (message: unknown) => void process.send?.(message);
  let run: Run;
  let deliveries: Prepared;
  process.on('message', async (message: Run | 'go') => {
    try {
      if (message === 'go') return say({ kind: 'result', result: await generate(run, deliveries) });
      run = message;
      const perSecond = run.ratePerSecond ?? run.ratePerSecondMax;
      const count = Math.ceil(perSecond * (run.seconds + run.warmUpSeconds) * 1.05) + run.connections;
      deliveries = prepareDeliveries(count, run.seed, run.secret);
      say({ kind: 'ready' });
    } catch (error) {
      say({ kind: 'failed', text: error instanceof Error ? error.message : String(error) });
    }
  });
}
