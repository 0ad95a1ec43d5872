/**
 * The open connections and the exchanges on them: limits their number, so that no client can take them all, and finds
 * those that a time limit or the shutdown closes.
 */

import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import {
  ANSWER_WRITE_MS,
  CONNECTIONS_MAX,
  CONNECTIONS_PER_CLIENT_MAX,
  PIPELINING_REQUESTS_MAX,
  REPEATED_WARNING_MS,
} from '../core/limits.ts';
import { throttle } from '../core/throttle.ts';
import type { Exchange } from './exchange.ts';
import { clientOf, normalAddress } from './guard/address-ranges.ts';
import type { HttpOptions } from './options.ts';

export interface Connection {
  /** Whether it comes from a trusted proxy, whose forwarding headers are used. */
  readonly isFromTrustedProxy: boolean;
  /** The client at its other end: the proxy, if there is one. */
  readonly client: string;
  /** In the order of their requests, each from its headers until its answer has been sent. */
  readonly exchanges: Exchange[];
}

/**
 * Closes new connections above the limits, and logs that at most once per minute. A trusted proxy acts for many
 * clients, so only the total limit applies to it, and its connections count for no client. The same holds for a
 * connection whose address is unknown.
 */
export function watchConnections(
  server: Server,
  {
    trustedProxies,
    counters,
    log,
    monotonicMs,
  }: Pick<HttpOptions, 'trustedProxies' | 'counters' | 'log' | 'monotonicMs'>,
) {
  const connections = new Map<Socket, Connection>();
  const countsByClient = new Map<string, number>();
  const mayWarn = throttle(1, REPEATED_WARNING_MS, monotonicMs);
  let exchangesCount = 0;

  function refused(reason: string): void {
    counters.add('connections_refused');
    if (mayWarn())
      log('warn', `a connection was refused: ${reason}; further ones are not logged for a minute`);
  }

  server.maxConnections = CONNECTIONS_MAX;
  server.on('drop', () => refused(`all ${CONNECTIONS_MAX} connections are in use`));
  server.on('connection', (socket: Socket) => {
    const address = normalAddress(socket.remoteAddress ?? '');
    const isFromTrustedProxy = address !== undefined && trustedProxies.has(address);
    const client = address === undefined ? 'unknown' : clientOf(address);
    const isCounted = address !== undefined && !isFromTrustedProxy;
    if (isCounted) {
      const count = countsByClient.get(client) ?? 0;
      if (count >= CONNECTIONS_PER_CLIENT_MAX) {
        refused(`${client} already has ${CONNECTIONS_PER_CLIENT_MAX} connections`);
        socket.destroy();
        return;
      }
      countsByClient.set(client, count + 1);
    }
    const exchanges: Exchange[] = [];
    connections.set(socket, { isFromTrustedProxy, client, exchanges });
    socket.once('close', () => {
      connections.delete(socket);
      // A response that is queued behind others is not notified when its socket closes.
      exchangesCount -= exchanges.length;
      exchanges.length = 0;
      if (!isCounted) return;
      const left = (countsByClient.get(client) ?? 1) - 1;
      if (left > 0) countsByClient.set(client, left);
      else countsByClient.delete(client);
    });
  });

  return {
    /** Whether no exchange is in progress. */
    get isIdle(): boolean {
      return exchangesCount === 0;
    },

    /** @returns undefined if it is closed */
    of: (socket: Socket): Connection | undefined => connections.get(socket),

    /**
     * The connection of a new request. Under load, that of a client that pipelines is closed.
     * @returns undefined if it is closed
     */
    ofRequest(socket: Socket): Connection | undefined {
      const connection = connections.get(socket);
      if (connection === undefined || socket.destroyed) return undefined;
      if (exchangesCount < PIPELINING_REQUESTS_MAX || connection.exchanges.length === 0) return connection;
      counters.add('pipelining_refused');
      socket.destroy();
      return undefined;
    },

    /** Adds an exchange, which is removed when it is over. */
    add({ exchanges }: Connection, exchange: Exchange): void {
      exchanges.push(exchange);
      exchangesCount += 1;
      exchange.response.on('close', () => {
        const index = exchanges.indexOf(exchange);
        if (index === -1) return; // its connection was closed before
        exchanges.splice(index, 1);
        exchangesCount -= 1;
      });
    },

    /** Closes those whose answer has not been read within ANSWER_WRITE_MS. */
    closeStalled(): void {
      const answeredMsMin = monotonicMs() - ANSWER_WRITE_MS;
      for (const [socket, { exchanges }] of connections)
        if (exchanges.some(({ answeredMs = Infinity }) => answeredMs < answeredMsMin)) socket.destroy();
    },

    /** Closes those that have never sent a byte, which node:http does not treat as idle. */
    closeSilent(): void {
      for (const socket of connections.keys()) if (socket.bytesRead === 0) socket.destroy();
    },

    /** Stops reading every unfinished body. */
    cutBodies(): void {
      for (const { exchanges } of connections.values()) for (const { capture } of exchanges) capture?.cut();
    },
  };
}
