/** What the public and the admin listener have in common: limits of a request, and how to listen. */

import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  HEADERS_BYTES_MAX,
  HEADERS_TIMEOUT_MS,
  LISTEN_QUEUE_MAX,
  REQUEST_TIMEOUT_MS,
} from '../core/limits.ts';

/** Options of createServer(). */
export const REQUEST_LIMITS = {
  maxHeaderSize: HEADERS_BYTES_MAX,
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
};

/** The address of a new socket. It is ignored if a supervisor holds the socket. */
export interface ListenOptions {
  /** 0 means any free port. */
  readonly port: number;
  /** Undefined means all interfaces. */
  readonly host: string | undefined;
  /** The descriptor of a socket that a supervisor holds. */
  readonly listenFd?: number | undefined;
}

/** @returns the address it listens on. @throws the error of `listen`, such as EADDRINUSE */
export async function listen(
  server: Server,
  { port, host, listenFd: fd }: ListenOptions,
): Promise<AddressInfo> {
  const listening = once(server, 'listening');
  server.listen({ fd, port, host }, LISTEN_QUEUE_MAX); // with a descriptor, the option `backlog` has no effect
  await listening;
  const address = server.address();
  if (typeof address === 'object' && address !== null) return address;
  server.close();
  throw new Error('it is a Unix socket');
}

/** The host in the URL of a listening address; `localhost` if that means all interfaces. */
export function urlHost(address: string): string {
  if (address === '::' || address === '0.0.0.0') return 'localhost';
  return address.includes(':') ? `[${address}]` : address;
}
