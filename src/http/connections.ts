/** How many sockets one client address may hold, so that no address can take them all. */

import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { type AddressRanges, clientOf, normalAddress } from '../core/address-ranges.ts';
import type { Counters } from '../core/counters.ts';

/** Closes a client's sockets beyond `perClientMax` as they come. A trusted proxy speaks for many: no limit. */
export function limitConnections(
  server: Server,
  perClientMax: number,
  trustedProxies: AddressRanges,
  counters: Counters,
): void {
  const held = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = normalAddress(socket.remoteAddress ?? '');
    if (address === undefined || trustedProxies.has(address)) return;
    const client = clientOf(address);
    const count = held.get(client) ?? 0;
    if (count >= perClientMax) {
      counters.add('connections_refused');
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
