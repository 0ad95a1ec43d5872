/** The client address of a request: the one forwarded by trusted proxies, never one claimed by others. */

import type { Socket } from 'node:net';
import { type AddressRanges, clientOf, normalAddress } from './address-ranges.ts';

/**
 * @param remoteAddress the socket's remote address
 * @param forwardedFor `X-Forwarded-For` as received; used only if it comes from a trusted proxy, and read from right to
 *   left up to the first untrusted address
 * @returns one text per client: an IPv4 address or an IPv6 /64
 */
export function clientAddress(
  remoteAddress: string | undefined,
  forwardedFor: string | undefined,
  trustedProxies: AddressRanges,
): string {
  let address = normalAddress(remoteAddress ?? '');
  if (address === undefined) return 'unknown';
  const hops = forwardedFor?.split(',') ?? [];
  while (trustedProxies.has(address) && hops.length > 0) {
    const hop = normalAddress(hops.pop() ?? '');
    if (hop === undefined) break;
    address = hop;
  }
  return clientOf(address);
}

/** clientAddress() for a socket's requests; without `X-Forwarded-For` it is computed once per socket. */
export function clientsBySocket(
  trustedProxies: AddressRanges,
): (socket: Socket, forwardedFor: string | undefined) => string {
  const direct = new WeakMap<Socket, string>();
  return (socket, forwardedFor) => {
    if (forwardedFor !== undefined) return clientAddress(socket.remoteAddress, forwardedFor, trustedProxies);
    let client = direct.get(socket);
    if (client === undefined) {
      client = clientAddress(socket.remoteAddress, undefined, trustedProxies);
      direct.set(socket, client);
    }
    return client;
  };
}
