/** Which body is dropped when all of them together take too much memory. The requests are event emitters. */

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { type BodyCapture, type CapturedBody, createBodies } from '../../../src/http/guard/bodies.ts';

const PIECE = Buffer.alloc(10, 'x');

interface Sender extends BodyCapture {
  send(piece?: Buffer): void;
  /** Ends the body. */
  finish(): void;
  leave(): void;
  /** What has become of the body; `unfinished` if it has not ended. */
  state(): Promise<CapturedBody | 'unfinished'>;
}

/** Memory for three pieces, and senders who have sent one each. */
function given(...names: string[]) {
  const captureBody = createBodies(3 * PIECE.length);
  const start = (): Sender => {
    const request = Object.assign(new EventEmitter(), { complete: false, destroy() {} });
    const capture = captureBody(request as unknown as IncomingMessage, 1000);
    return {
      ...capture,
      send: (piece = PIECE) => void request.emit('data', piece),
      finish() {
        request.complete = true;
        request.emit('end');
      },
      leave: () => void request.emit('close'),
      state: () => Promise.race([capture.body, Promise.resolve('unfinished' as const)]),
    };
  };
  const senders = Object.fromEntries(names.map((name) => [name, start()])) as Record<string, Sender>;
  for (const sender of Object.values(senders)) sender.send();
  return { senders, start };
}

async function states(senders: Readonly<Record<string, Sender>>): Promise<Record<string, unknown>> {
  const found = await Promise.all(
    Object.entries(senders).map(async ([name, sender]) => [name, await sender.state()] as const),
  );
  return Object.fromEntries(found);
}

describe('when the memory is used up', () => {
  it('the oldest unfinished bodies are dropped, as many as necessary', async () => {
    const { senders, start } = given('a', 'b', 'c');
    const late = start();
    assert.deepEqual(await states(senders), { a: 'unfinished', b: 'unfinished', c: 'unfinished' });
    late.send();
    assert.deepEqual(await states(senders), { a: 'bodies_full', b: 'unfinished', c: 'unfinished' });
    late.send(Buffer.alloc(2 * PIECE.length));
    assert.deepEqual(await states(senders), { a: 'bodies_full', b: 'bodies_full', c: 'bodies_full' });
    late.finish();
    assert.equal(((await late.state()) as Buffer).length, 3 * PIECE.length);
  });

  for (const [gone, next, left] of [
    ['a', 'b', 'c'],
    ['b', 'a', 'c'],
    ['c', 'a', 'b'],
  ] as const) {
    it(`a complete body is kept, whatever its position (${gone})`, async () => {
      const { senders, start } = given('a', 'b', 'c');
      senders[gone]?.finish();
      start().send();
      assert.deepEqual(await states(senders), { [gone]: PIECE, [next]: 'bodies_full', [left]: 'unfinished' });
    });
  }

  it('a body that is itself the oldest unfinished one is dropped, and its memory is free', async () => {
    const { senders, start } = given('a', 'b');
    senders['b']?.finish();
    senders['a']?.send(Buffer.alloc(2 * PIECE.length));
    assert.equal(await senders['a']?.state(), 'bodies_full');
    const late = start();
    late.send(Buffer.alloc(2 * PIECE.length));
    late.finish();
    assert.equal(((await late.state()) as Buffer).length, 2 * PIECE.length);
  });
});

describe('a body', () => {
  it('ends only once: what comes later changes nothing, for itself and for others', async () => {
    const { senders, start } = given('a', 'b');
    const { a, b } = senders;
    a?.finish();
    a?.cut();
    a?.leave();
    b?.cut();
    b?.finish();
    assert.deepEqual(await states(senders), { a: PIECE, b: 'shutting_down' });
    const [older, newer] = [start(), start()];
    older.send();
    a?.cut();
    b?.cut();
    newer.send();
    assert.deepEqual(await states({ older, newer }), { older: 'bodies_full', newer: 'unfinished' });
  });

  it('returns its memory when it is released, and only once', async () => {
    const { senders, start } = given('a', 'b', 'c');
    for (const name of ['a', 'b', 'c']) senders[name]?.finish();
    const refused = start();
    refused.send();
    assert.equal(await refused.state(), 'bodies_full');
    senders['a']?.release();
    senders['a']?.release();
    const late = start();
    late.send();
    assert.equal(await late.state(), 'unfinished');
    late.send();
    assert.equal(await late.state(), 'bodies_full');
  });
});
