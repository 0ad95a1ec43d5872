/**
 * What is under way: every connection, and every exchange from its request's head until its answer has left or its
 * connection is gone. Limits and the drain look here for what to cut.
 */

import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { ANSWER_WRITE_MS } from '../core/limits.ts';
import type { Exchange } from './exchange.ts';

export interface UnderWay {
  /** Exchanges in all. */
  readonly size: number;
  /** The exchanges of one connection, in the order of their requests. */
  on(socket: Socket): ReadonlySet<Exchange>;
  /** Adds an exchange, and lets go of it by itself when it is over. */
  add(exchange: Exchange): void;
  /** Closes connections whose answer has not been read for ANSWER_WRITE_MS. */
  closeStalled(nowMs: number): void;
  /** Closes connections that have never sent a byte, which node:http takes for busy ones. */
  closeSilent(): void;
  /** Ends every body that is still being read. */
  cutBodies(): void;
}

const NONE: ReadonlySet<Exchange> = new Set();

export function watchUnderWay(server: Server): UnderWay {
  const all = new Set<Exchange>();
  const bySocket = new Map<Socket, Set<Exchange>>();

  server.on('connection', (socket: Socket) => {
    const own = new Set<Exchange>();
    bySocket.set(socket, own);
    socket.once('close', () => {
      bySocket.delete(socket);
      // An answer that waits for its turn does not learn that its socket is gone.
      for (const exchange of own) all.delete(exchange);
    });
  });

  return {
    get size() {
      return all.size;
    },
    on: (socket) => bySocket.get(socket) ?? NONE,
    add(exchange) {
      const own = bySocket.get(exchange.request.socket);
      if (own === undefined) return; // it is gone already
      all.add(exchange);
      own.add(exchange);
      exchange.response.on('close', () => {
        all.delete(exchange);
        own.delete(exchange);
      });
    },
    closeStalled(nowMs) {
      for (const { answeredMs, request } of all)
        if (answeredMs !== undefined && nowMs - answeredMs > ANSWER_WRITE_MS) request.socket.destroy();
    },
    closeSilent() {
      for (const socket of bySocket.keys()) if (socket.bytesRead === 0) socket.destroy();
    },
    cutBodies() {
      for (const exchange of all) exchange.cut?.();
    },
  };
}
