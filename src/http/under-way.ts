/**
 * What is under way: every connection, and every exchange from its request's head until its answer has left or its
 * connection is gone. Limits and the drain look here for what to cut.
 */

import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { ANSWER_WRITE_MS } from '../core/limits.ts';
import type { Exchange } from './exchange.ts';
import { InOrder } from './in-order.ts';

export interface UnderWay {
  /** Exchanges in all. */
  readonly size: number;
  /** The exchanges of one connection, in the order of their requests. */
  on(socket: Socket): Exchange[];
  /** Adds an exchange, and lets go of it by itself when it is over. */
  add(exchange: Exchange): void;
  /** Closes connections whose answer has not been read for ANSWER_WRITE_MS. */
  closeStalled(nowMs: number): void;
  /** Closes connections that have never sent a byte, which node:http takes for busy ones. */
  closeSilent(): void;
  /** Ends every body that is still being read. */
  cutBodies(): void;
}

export function watchUnderWay(server: Server): UnderWay {
  const all = new InOrder<Exchange>();
  const bySocket = new Map<Socket, InOrder<{ readonly exchange: Exchange; readonly leave: () => void }>>();

  server.on('connection', (socket: Socket) => {
    const own = new InOrder<{ readonly exchange: Exchange; readonly leave: () => void }>();
    bySocket.set(socket, own);
    socket.once('close', () => {
      bySocket.delete(socket);
      // An answer that waits for its turn does not learn that its socket is gone.
      for (const { leave } of own) leave();
    });
  });

  return {
    get size() {
      return all.size;
    },
    on: (socket) => Array.from(bySocket.get(socket) ?? [], ({ exchange }) => exchange),
    add(exchange) {
      const own = bySocket.get(exchange.request.socket);
      if (own === undefined) return; // it is gone already
      const leave = all.add(exchange);
      const leaveOwn = own.add({ exchange, leave });
      exchange.response.on('close', () => {
        leave();
        leaveOwn();
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
