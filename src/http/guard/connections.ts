/** Limits the sockets in total and per client address, so that no address can take them all. */

import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { CONNECTIONS_MAX, CONNECTIONS_PER_CLIENT_MAX, REPEATED_WARNING_MS } from '../../core/limits.ts';
import type { Log } from '../../core/logger.ts';
import type { Counters } from '../../core/metrics/counters.ts';
import { throttle } from '../../core/throttle.ts';
import { type AddressRanges, clientOf, normalAddress } from './address-ranges.ts';

export interface ConnectionsOptions {
  readonly trustedProxies: AddressRanges;
  readonly counters: Counters;
  readonly log: Log;
  readonly monotonicMs: () => number;
}

/**
 * Closes new sockets above the limits and logs that at most once per minute. A trusted proxy acts for many clients, so
 * only the total limit applies to it.
 */
export function limitConnections(server: Server, options: ConnectionsOptions): void {
  const { trustedProxies, counters, log, monotonicMs } = options;
  const held = new Map<string, number>();
  const mayWarn = throttle(1, REPEATED_WARNING_MS, monotonicMs);

  function refused(reason: string): void {
    counters.add('connections_refused');
    if (mayWarn())
      log('warn', `a connection was refused: ${reason}; further ones are not logged for a minute`);
  }

  server.maxConnections = CONNECTIONS_MAX;
  server.on('drop', () => refused(`all ${CONNECTIONS_MAX} connections are in use`));
  server.on('connection', (socket: Socket) => {
    const address = normalAddress(socket.remoteAddress ?? '');
    if (address === undefined || trustedProxies.has(address)) return;
    const client = clientOf(address);
    const count = held.get(client) ?? 0;
    if (count >= CONNECTIONS_PER_CLIENT_MAX) {
      refused(`${client} already has ${CONNECTIONS_PER_CLIENT_MAX} connections`);
      socket.destroy();
      return;
    }
    held.set(client, count + 1);
    socket.once('close', () => {
      const left = (held.get(client) ?? 1) - 1;
      if (left > 0) held.set(client, left);
      else held.delete(client);
    });
  });
}
