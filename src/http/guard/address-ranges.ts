/** Sets of IP addresses, as configured in `TRUST_PROXY`, and the normalized form of an address. */

import { BlockList, isIP } from 'node:net';

export interface AddressRanges {
  /** @param address as returned by normalAddress() */
  has(address: string): boolean;
}

/**
 * @param text `none`, or a comma-separated list of `loopback`, addresses and ranges (`10.0.0.0/8`, `fd00::/8`)
 * @returns the set, or the first item that is not valid
 */
export function parseAddressRanges(text: string): AddressRanges | { readonly wrong: string } {
  const list = new BlockList();
  const pieces = text.split(',').map((piece) => piece.trim());
  for (const piece of pieces) {
    if (piece === 'none' && pieces.length === 1) continue;
    if (piece === 'loopback') {
      // The default is not parsed: the first use of isIP() for IPv6 compiles a pattern, which takes 3 ms.
      list.addSubnet('127.0.0.0', 8, 'ipv4');
      list.addAddress('::1', 'ipv6');
      continue;
    }
    const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(piece) ?? [];
    const bitsMax = isIP(address) === 6 ? 128 : 32;
    const bits = Number(prefix ?? bitsMax);
    if (isIP(address) === 0 || bits > bitsMax) return { wrong: piece };
    list.addSubnet(address, bits, familyOf(address));
  }
  return { has: (address) => list.check(address, familyOf(address)) };
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

const IPV4_MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
const WITH_PORT = /^(?:\[([^\]]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+)$/;

/**
 * @param text an address, possibly with a port (some proxies forward one) or as an IPv4-mapped IPv6 address
 * @returns the plain address, or undefined if the text is not an address
 */
export function normalAddress(text: string): string | undefined {
  const trimmed = text.trim();
  const [, bracketed, beforePort] = WITH_PORT.exec(trimmed) ?? [];
  const bare = bracketed ?? beforePort ?? trimmed;
  const address = (IPV4_MAPPED.exec(bare)?.[1] ?? bare).split('%')[0] ?? '';
  return isIP(address) === 0 ? undefined : address;
}

/**
 * Maps an address to the client that limits count: the address itself for IPv4, its /64 network for IPv6, because one
 * customer usually gets a whole /64.
 * @param address as returned by normalAddress()
 */
export function clientOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const groupsOf = (text: string) => text.split(':').filter((group) => group !== '');
  // A URL contains the canonical form: in lower case, without leading zeros, an embedded IPv4 address as two groups.
  const [beforeZeros = '', afterZeros = ''] = new URL(`http://[${address}]`).hostname
    .slice(1, -1)
    .split('::');
  const [first, last] = [groupsOf(beforeZeros), groupsOf(afterZeros)];
  const groups = [...first, ...Array<string>(8 - first.length - last.length).fill('0'), ...last];
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/**
 * The client of a request: the one forwarded by trusted proxies, never one claimed by others.
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
