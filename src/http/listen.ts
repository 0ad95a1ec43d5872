/** Starts listening, on a new socket or on one that a supervisor holds. */

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LISTEN_QUEUE_MAX } from '../core/limits.ts';

/** Where to listen: the address of a new socket, or the descriptor of an open one. */
export type ListenPlace =
  | { readonly port: number; readonly host: string | undefined }
  | { readonly fd: number };

/** The host in the URL of a listening address; `localhost` if that means all interfaces. */
export function urlHost(address: string): string {
  if (address === '::' || address === '0.0.0.0') return 'localhost';
  return address.includes(':') ? `[${address}]` : address;
}

/** @returns the address it listens on. @throws the error of `listen`, such as EADDRINUSE */
export function listen(server: Server, place: ListenPlace): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onListening = () => {
      server.off('error', reject);
      const address = server.address();
      if (typeof address === 'object' && address !== null) return resolve(address);
      server.close();
      reject(new Error('it is a Unix socket'));
    };
    server.once('error', reject);
    // For a descriptor, node:http accepts the backlog only as a separate argument.
    if ('fd' in place) server.listen({ fd: place.fd }, LISTEN_QUEUE_MAX, onListening);
    else server.listen({ port: place.port, host: place.host, backlog: LISTEN_QUEUE_MAX }, onListening);
  });
}
