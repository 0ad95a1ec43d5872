/** Whose connections the limit per client counts. The server and the sockets are event emitters. */

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import { it } from 'node:test';
import { CONNECTIONS_PER_CLIENT_MAX } from '../../src/core/limits.ts';
import { createCounters } from '../../src/core/metrics/counters.ts';
import { watchConnections } from '../../src/http/connections.ts';
import { type AddressRanges, parseAddressRanges } from '../../src/http/guard/address-ranges.ts';

/** @returns a function that opens connections from an address, and returns how many are not closed at once */
function given(trustProxy: string) {
  const server = new EventEmitter() as Server;
  const trustedProxies = parseAddressRanges(trustProxy) as AddressRanges;
  watchConnections(server, { trustedProxies, counters: createCounters(), log() {}, monotonicMs: () => 0 });
  return (remoteAddress: string | undefined, count: number): number => {
    let closed = 0;
    for (let connection = 0; connection < count; connection++) {
      const destroy = () => (closed += 1);
      server.emit('connection', Object.assign(new EventEmitter(), { remoteAddress, destroy }));
    }
    return count - closed;
  };
}

const BEYOND = CONNECTIONS_PER_CLIENT_MAX + 1;

it('the connections of a trusted proxy do not count for its neighbors', () => {
  const open = given('2001:db8::1');
  assert.equal(open('2001:db8::1', BEYOND), BEYOND);
  assert.equal(open('2001:db8::2', BEYOND), CONNECTIONS_PER_CLIENT_MAX);
  assert.equal(open('2001:db8::1', BEYOND), BEYOND);
});

it('the addresses of one /64 are one client, and others are not affected', () => {
  const open = given('none');
  assert.equal(open('2001:db8::1', CONNECTIONS_PER_CLIENT_MAX - 1), CONNECTIONS_PER_CLIENT_MAX - 1);
  assert.equal(open('2001:db8::ffff', 2), 1);
  assert.equal(open('2001:db8:0:1::1', 1), 1);
  assert.equal(open('198.51.100.1', BEYOND), CONNECTIONS_PER_CLIENT_MAX);
});

it('connections whose address is unknown have only the total limit', () => {
  assert.equal(given('none')(undefined, BEYOND), BEYOND);
});
