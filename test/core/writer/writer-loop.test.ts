/** The writer thread's side, with a fake engine and a real channel. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { it } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import type { BatchResult, Engine } from '../../../src/core/engine/engine.ts';
import { serveBatches } from '../../../src/core/writer/writer-loop.ts';
import { type FromWriter, packBatch, type ToWriter } from '../../../src/core/writer/writer-messages.ts';

const HEAD = { seq: 0, chain: new Uint8Array(32) };
const NOTHING: BatchResult = { outcomes: [], head: HEAD, lagging: [], isBehind: false };

it('a defect that has nothing to do with a delivery is logged in one line, and the storage is not tidied up after it', async () => {
  const { port1: port, port2: main } = new MessageChannel();
  const received: FromWriter[] = [];
  main.on('message', (message: FromWriter) => received.push(message));
  const attempts = [async () => NOTHING, async () => Promise.reject(new Error('a defect'))];
  const engine = {
    location: 'a database',
    projections: [],
    openWriter: async () => ({
      append: async () => attempts.shift()?.() ?? NOTHING,
      idle: async () => 'the same defect',
      close: async () => ({ head: HEAD, problem: undefined }),
    }),
  } as unknown as Engine;
  await serveBatches(port, engine);
  const send = (message: ToWriter) => main.postMessage(message);
  const isDraining = new Int32Array(new SharedArrayBuffer(4));
  send({ kind: 'batch', batch: packBatch([]), isDraining });
  send({ kind: 'batch', batch: packBatch([]), isDraining });
  send({ kind: 'close' });
  await once(main, 'close');

  const logged = received.flatMap((message) => (message.kind === 'log' ? [message.text] : []));
  assert.deepEqual(logged, ['the state of the tables could not be read: a defect', 'the same defect']);
  assert.equal(received.filter(({ kind }) => kind === 'answered').length, 2);
});
