import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type AddressRanges,
  clientAddress,
  clientOf,
  normalAddress,
  parseAddressRanges,
} from '../../../src/http/guard/address-ranges.ts';

function ranges(text: string): AddressRanges {
  const parsed = parseAddressRanges(text);
  assert.ok('has' in parsed, `${text}: ${JSON.stringify(parsed)}`);
  return parsed;
}

describe('parseAddressRanges', () => {
  it('"none" contains no address', () => {
    for (const address of ['127.0.0.1', '::1', '10.0.0.1', '0.0.0.0', '::']) {
      assert.equal(ranges('none').has(address), false, address);
    }
  });

  it('"loopback" contains 127.0.0.0/8 and ::1', () => {
    const loopback = ranges('loopback');
    for (const address of ['127.0.0.1', '127.255.255.255', '::1'])
      assert.equal(loopback.has(address), true, address);
    for (const address of ['126.255.255.255', '128.0.0.0', '::2', '::', '10.0.0.1']) {
      assert.equal(loopback.has(address), false, address);
    }
  });

  it('a range contains its first and its last address but not the addresses next to them', () => {
    const list = ranges('10.1.0.0/16, fd00:1::/32');
    for (const address of ['10.1.0.0', '10.1.255.255', 'fd00:1::', 'fd00:1:ffff:ffff:ffff:ffff:ffff:ffff']) {
      assert.equal(list.has(address), true, address);
    }
    for (const address of ['10.0.255.255', '10.2.0.0', 'fd00:0:ffff::', 'fd00:2::', '127.0.0.1']) {
      assert.equal(list.has(address), false, address);
    }
  });

  it('a plain address contains only itself', () => {
    const list = ranges('192.0.2.7,2001:db8::7');
    assert.deepEqual(
      ['192.0.2.6', '192.0.2.7', '192.0.2.8', '2001:db8::7', '2001:db8::8'].map((each) => list.has(each)),
      [false, true, false, true, false],
    );
  });

  it('a prefix may be as short as 0 and as long as the address', () => {
    assert.equal(ranges('0.0.0.0/0').has('203.0.113.9'), true);
    assert.equal(ranges('192.0.2.7/32').has('192.0.2.8'), false);
    assert.equal(ranges('::/0').has('2001:db8::1'), true);
    assert.equal(ranges('2001:db8::7/128').has('2001:db8::8'), false);
  });

  it('names the first part that is not an address, a range or a known word', () => {
    for (const [text, wrong] of [
      ['', ''],
      ['localhost', 'localhost'],
      ['loopback,proxy.example', 'proxy.example'],
      ['none,loopback', 'none'],
      ['10.0.0.0/33', '10.0.0.0/33'],
      ['10.0.0.0/-1', '10.0.0.0/-1'],
      ['10.0.0.0/', '10.0.0.0/'],
      ['10.0.0.0/8/8', '10.0.0.0/8/8'],
      ['10.0.0.0/8.0', '10.0.0.0/8.0'],
      ['10.0.0/8', '10.0.0/8'],
      ['fd00::/129', 'fd00::/129'],
      ['10.0.0.1,', ''],
      ['010.0.0.1', '010.0.0.1'],
      ['10.0.0.1 10.0.0.2', '10.0.0.1 10.0.0.2'],
      ['*', '*'],
    ] as const) {
      assert.deepEqual(parseAddressRanges(text), { wrong }, text);
    }
  });
});

describe('normalAddress', () => {
  it('strips ports, brackets, zones and spaces, and unwraps IPv4-mapped IPv6 addresses', () => {
    for (const [text, address] of [
      ['192.0.2.7', '192.0.2.7'],
      [' 192.0.2.7 ', '192.0.2.7'],
      ['192.0.2.7:4711', '192.0.2.7'],
      ['::ffff:192.0.2.7', '192.0.2.7'],
      ['::FFFF:192.0.2.7', '192.0.2.7'],
      ['[::ffff:192.0.2.7]:4711', '192.0.2.7'],
      ['2001:db8::7', '2001:db8::7'],
      ['[2001:db8::7]', '2001:db8::7'],
      ['[2001:db8::7]:443', '2001:db8::7'],
      ['fe80::1%eth0', 'fe80::1'],
    ] as const) {
      assert.equal(normalAddress(text), address, text);
    }
  });

  it('is undefined for anything else', () => {
    for (const text of [
      '',
      'unknown',
      '_hidden',
      'example.com',
      '192.0.2',
      '192.0.2.256',
      '192.0.2.7:',
      '192.0.2.7:x',
      '[192.0.2.7',
      '[2001:db8::7',
      '2001:db8::7]:443',
      '::ffff:999.0.2.7',
      '1.2.3.4\r\n5.6.7.8',
      'for=192.0.2.7',
    ]) {
      assert.equal(normalAddress(text), undefined, text);
    }
  });
});

describe('clientOf', () => {
  it('an IPv4 address stands for itself', () => {
    assert.equal(clientOf('192.0.2.7'), '192.0.2.7');
  });

  it('an IPv6 address stands for its /64, however it is written', () => {
    for (const address of [
      '2001:db8:1:2::',
      '2001:db8:1:2::7',
      '2001:db8:1:2:3:4:5:6',
      '2001:0DB8:0001:0002:ffff:ffff:ffff:ffff',
      '2001:db8:1:2::192.0.2.7',
    ]) {
      assert.equal(clientOf(address), '2001:db8:1:2::/64', address);
    }
    assert.equal(clientOf('2001:db8:1:3::7'), '2001:db8:1:3::/64');
    assert.equal(clientOf('2001:db8::7'), '2001:db8:0:0::/64');
    assert.equal(clientOf('2001:db8:0:0:1::'), '2001:db8:0:0::/64');
    assert.equal(clientOf('::1'), '0:0:0:0::/64');
    assert.equal(clientOf('::'), '0:0:0:0::/64');
    assert.equal(clientOf('1::2:3:4:5:6:7'), '1:0:2:3::/64');
    assert.equal(clientOf('1:2:3::'), '1:2:3:0::/64');
    assert.equal(clientOf('1::4:5:6:7:192.0.2.7'), '1:0:4:5::/64');
  });
});

describe('clientAddress', () => {
  const none = ranges('none');
  const loopback = ranges('loopback');
  const proxies = ranges('loopback, 10.0.0.0/8');

  it('is the socket’s remote address if no proxy is trusted, whatever is forwarded', () => {
    for (const forwarded of ['198.51.100.1', '198.51.100.2', '2001:db8::1', undefined])
      assert.equal(clientAddress('127.0.0.1', forwarded, none), '127.0.0.1');
    assert.equal(clientAddress('2001:db8:1:2::9', '198.51.100.1', none), '2001:db8:1:2::/64');
  });

  it('is the socket’s remote address if that is not a trusted proxy', () => {
    assert.equal(clientAddress('203.0.113.9', '198.51.100.1', loopback), '203.0.113.9');
  });

  it('is the address that the trusted proxy saw, not what the client wrote in front of it', () => {
    assert.equal(clientAddress('127.0.0.1', '198.51.100.1', loopback), '198.51.100.1');
    assert.equal(clientAddress('127.0.0.1', '1.1.1.1, 2.2.2.2,198.51.100.1', loopback), '198.51.100.1');
    assert.equal(clientAddress('127.0.0.1', '127.0.0.1, 198.51.100.1', loopback), '198.51.100.1');
  });

  it('follows a chain of trusted proxies from right to left', () => {
    assert.equal(clientAddress('127.0.0.1', '198.51.100.1, 10.0.0.2, 10.0.0.1', proxies), '198.51.100.1');
    assert.equal(clientAddress('127.0.0.1', '198.51.100.1, 203.0.113.9, 10.0.0.1', proxies), '203.0.113.9');
    assert.equal(clientAddress('127.0.0.1', '10.0.0.3, 10.0.0.2', proxies), '10.0.0.3');
  });

  it('stops at the last address that can be read', () => {
    assert.equal(clientAddress('127.0.0.1', 'unknown', loopback), '127.0.0.1');
    assert.equal(clientAddress('127.0.0.1', '198.51.100.1, junk, 10.0.0.1', proxies), '10.0.0.1');
    assert.equal(clientAddress('127.0.0.1', '', loopback), '127.0.0.1');
    assert.equal(clientAddress('127.0.0.1', '198.51.100.1,', loopback), '127.0.0.1');
    assert.equal(clientAddress('127.0.0.1', undefined, loopback), '127.0.0.1');
  });

  it('understands ports, brackets and IPv4-mapped IPv6 addresses on both sides', () => {
    assert.equal(clientAddress('::ffff:127.0.0.1', '198.51.100.1:4711', loopback), '198.51.100.1');
    assert.equal(clientAddress('::1', '[2001:db8:1:2::9]:4711', loopback), '2001:db8:1:2::/64');
    assert.equal(clientAddress('::ffff:203.0.113.9', undefined, loopback), '203.0.113.9');
  });

  it('has a name for a socket that is gone', () => {
    assert.equal(clientAddress(undefined, '198.51.100.1', loopback), 'unknown');
    assert.equal(clientAddress('', '198.51.100.1', loopback), 'unknown');
  });
});
