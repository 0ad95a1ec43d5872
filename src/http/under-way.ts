/**
 * Tracks every connection, and every exchange from its request's headers until its answer has been sent or its
 * connection is gone. The limits and the drain use it to find what to close.
 */

import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { ANSWER_WRITE_MS } from '../core/limits.ts';
import type { Exchange } from './exchange.ts';
import { InOrder } from './guard/in-order.ts';

export interface UnderWay {
  /** Total number of exchanges. */
  readonly size: number;
  /** The exchanges of one connection, in the order of their requests. */
  on(socket: Socket): Exchange[];
  /** Adds an exchange, which is removed automatically when it is over. */
  add(exchange: Exchange): void;
  /** Closes connections whose answer has not been read within ANSWER_WRITE_MS. */
  closeStalled(nowMs: number): void;
  /** Closes connections that have never sent a byte, which node:http does not treat as idle. */
  closeSilent(): void;
  /** Stops reading every unfinished body. */
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
      // A response that is queued behind others is not notified when its socket closes.
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
      if (own === undefined) return; // the socket is already closed
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
