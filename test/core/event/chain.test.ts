import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { CHAIN_GENESIS, type ChainedColumns, chainLink } from '../../../src/core/event/chain.ts';

const COLUMNS: ChainedColumns = {
  seq: 1,
  body_time_ms: 1_705_329_131_000,
  body_sha256: createHash('sha256').update('{"event":"call.completed"}').digest(),
  signed_at: 1_705_329_131,
  received_at_ms: 1_705_329_131_250,
  signature: Buffer.from('ab'.repeat(32), 'hex'),
  type: 'call.completed',
  event_id: null,
  path: '/webhooks/calls',
  event_header: '',
  event_id_header: 'é☎',
};

/** The encoding that chain.ts documents, written out by hand byte by byte. */
const ENCODED = [
  '00'.repeat(32), // the link before the first
  '0000000000000001', // seq
  '0000018d0d897df8', // body_time_ms
  createHash('sha256').update('{"event":"call.completed"}').digest('hex'), // body_sha256
  '0000000065a541eb', // signed_at
  '0000018d0d897ef2', // received_at_ms
  '00000020', // signature: 32 bytes
  'ab'.repeat(32),
  '0000000e', // type: 14 bytes
  '63616c6c2e636f6d706c65746564',
  'ffffffff', // event_id: NULL
  '0000000f', // path: 15 bytes
  '2f776562686f6f6b732f63616c6c73',
  '00000000', // event_header: an empty text
  '00000005', // event_id_header: 5 bytes of UTF-8
  'c3a9e2988e',
].join('');

const hex = (previous: Uint8Array, columns: ChainedColumns) => chainLink(previous, columns).toString('hex');

describe('chainLink', () => {
  it('is SHA-256 over the documented encoding', () => {
    const expected = createHash('sha256').update(Buffer.from(ENCODED, 'hex')).digest('hex');
    assert.equal(hex(CHAIN_GENESIS, COLUMNS), expected);
  });

  it('has not changed since the encoding was frozen', () => {
    assert.equal(
      hex(CHAIN_GENESIS, COLUMNS),
      '138edca6739f647000f240f70cc6e02aa63fa6568c508e928202e59531ce364c',
    );
  });

  it('starts from 32 zero bytes', () => {
    assert.deepEqual(CHAIN_GENESIS, new Uint8Array(32));
  });

  it('changes with each single column, and with the previous link', () => {
    const changed: Partial<ChainedColumns>[] = [
      { seq: 2 },
      { body_time_ms: 1_705_329_131_001 },
      { body_time_ms: 0 },
      { body_sha256: Buffer.from(COLUMNS.body_sha256).fill(0, 31) },
      { signed_at: 1_705_329_132 },
      { received_at_ms: 1_705_329_131_251 },
      { signature: Buffer.from('ab'.repeat(31), 'hex') },
      { signature: null },
      { type: 'call.complete' },
      { type: null },
      { event_id: 'x' },
      { path: '/webhooks/call' },
      { path: '/webhooks/Calls' },
      { event_header: null },
      { event_header: ' ' },
      { event_id_header: null },
      { event_id_header: 'e\u0301☎' },
    ];
    const links = [
      hex(CHAIN_GENESIS, COLUMNS),
      hex(Buffer.alloc(32, 1), COLUMNS),
      ...changed.map((change) => hex(CHAIN_GENESIS, { ...COLUMNS, ...change })),
    ];
    assert.equal(new Set(links).size, changed.length + 2);
  });

  it('distinguishes NULL from an empty text in every column that may be NULL', () => {
    for (const column of ['type', 'event_id', 'event_header', 'event_id_header'] as const) {
      assert.notEqual(
        hex(CHAIN_GENESIS, { ...COLUMNS, [column]: null }),
        hex(CHAIN_GENESIS, { ...COLUMNS, [column]: '' }),
        column,
      );
    }
    assert.notEqual(
      hex(CHAIN_GENESIS, { ...COLUMNS, signature: null }),
      hex(CHAIN_GENESIS, { ...COLUMNS, signature: new Uint8Array(0) }),
    );
  });

  it('depends on where one text ends and the next begins', () => {
    const texts = (type: string, event_id: string) => hex(CHAIN_GENESIS, { ...COLUMNS, type, event_id });
    assert.notEqual(texts('ab', 'c'), texts('a', 'bc'));
    assert.notEqual(texts('', 'abc'), texts('abc', ''));
    assert.notEqual(
      hex(CHAIN_GENESIS, { ...COLUMNS, type: 'x', event_id: null }),
      hex(CHAIN_GENESIS, { ...COLUMNS, type: null, event_id: 'x' }),
    );
  });

  it('accepts every integer that a column can hold', () => {
    const links = [0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER].map((signed_at) =>
      hex(CHAIN_GENESIS, { ...COLUMNS, signed_at }),
    );
    assert.equal(new Set(links).size, 4);
  });
});
