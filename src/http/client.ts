/** Who a request is from, behind proxies that are trusted and in spite of those that are not. */

import type { Socket } from 'node:net';
import { type AddressRanges, clientOf, normalAddress } from '../core/address-ranges.ts';

/**
 * @param remoteAddress the socket's other end
 * @param forwardedFor `X-Forwarded-For` as received; believed only from a trusted proxy, from right to left,
 *   until the first address that is not trusted
 * @returns one text a client: an IPv4 address or an IPv6 /64
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

/** clientAddress() of a socket's requests; without `X-Forwarded-For` it is looked up once a socket. */
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
