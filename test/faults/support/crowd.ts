/** A crowd: thousands of connections in a separate process that all do the same, and how each of them ended. */

import { connect, type Socket } from 'node:net';
import { separateProcess } from './separate-process.ts';

export interface CrowdOptions {
  readonly port: number;
  readonly connections: number;
  /** The addresses from which they connect, in turn. */
  readonly localAddresses: readonly string[];
  /** What each of them sends first; Latin-1. */
  readonly opening: string;
  /** Then this many more bytes. */
  readonly fillerBytes?: number;
  /** Then this repeatedly, on every second connection. */
  readonly drip?: { readonly text: string; readonly everyMs: number };
  /** Ready only when each has been answered or closed. */
  readonly awaitsAnswers?: boolean;
}

export interface CrowdSeen {
  readonly open: number;
  /** First answers by status; connections that ended without one are under `none`, or `reset`. */
  readonly answers: Readonly<Record<string, number>>;
  /** For each closed connection, the milliseconds from open to close. */
  readonly closedAfterMs: readonly number[];
}

/** Ready when all connections are open. */
export const startCrowd = separateProcess(import.meta.filename, gather);

/** Connections being opened at the same time: fewer than the backlog of any listener. */
const OPENING_MAX = 200;

async function gather(options: CrowdOptions): Promise<() => CrowdSeen> {
  const { port, localAddresses, fillerBytes = 0, drip, awaitsAnswers = false } = options;
  const filler = Buffer.alloc(fillerBytes, 'x');
  const answers: Record<string, number> = {};
  const closedAfterMs: number[] = [];
  const open = new Set<Socket>();
  const dripping = new Set<Socket>();
  let opened = 0;

  function count(answer: string): void {
    answers[answer] = (answers[answer] ?? 0) + 1;
  }

  function openOne(index: number): Promise<void> {
    return new Promise((resolve) => {
      const localAddress = localAddresses[index % localAddresses.length] ?? '127.0.0.1';
      const socket = connect({ port, host: '127.0.0.1', localAddress });
      let openedMs = 0;
      let head = '';
      socket.on('connect', () => {
        openedMs = performance.now();
        open.add(socket);
        if (drip !== undefined && index % 2 === 1) dripping.add(socket);
        socket.write(options.opening, 'latin1');
        if (fillerBytes > 0) socket.write(filler);
        if (!awaitsAnswers) resolve();
      });
      socket.on('data', (chunk) => {
        if (head.length >= 12) return;
        head += chunk.toString('latin1');
        if (head.length < 12) return;
        count(head.slice(9, 12));
        resolve();
      });
      socket.on('error', () => {});
      socket.on('close', (hadError) => {
        if (head.length < 12) count(hadError ? 'reset' : 'none');
        if (open.delete(socket)) closedAfterMs.push(performance.now() - openedMs);
        dripping.delete(socket);
        resolve();
      });
    });
  }

  if (drip !== undefined) {
    setInterval(() => {
      for (const socket of dripping) socket.write(drip.text, 'latin1');
    }, drip.everyMs);
  }
  const opener = async () => {
    while (opened < options.connections) await openOne(opened++);
  };
  await Promise.all(Array.from({ length: OPENING_MAX }, opener));
  return () => ({ open: open.size, answers, closedAfterMs });
}
