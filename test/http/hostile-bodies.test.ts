/** Hostile bodies: split into tiny chunks, or held back to keep others out. They can be sent without a secret. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BODY_PIECES_MAX, BUFFERED_BODIES_BYTES_MAX } from '../../src/core/limits.ts';
import { forgedRequest, openRaw, type RawConnection } from '../support/raw.ts';
import { deliver, startReceiver } from '../support/receiver.ts';

// Without the limit on pieces, each of these bodies is read completely, at about 100 bytes of memory per byte.
it('a body in one-byte chunks is cut off after a number of pieces, without an answer', async (t) => {
  const receiver = await startReceiver({ env: { RATE_LIMIT_MAX: '0' } });
  t.after(() => receiver.close());
  const chunked = ['Transfer-Encoding: chunked'];
  const chunk = '1\r\nx\r\n';

  const within = await openRaw(receiver.port);
  within.send(forgedRequest(chunked, `${chunk.repeat(BODY_PIECES_MAX)}0\r\n\r\n`));
  assert.equal((await within.next()).status, 401);
  within.close();

  const beyond = await openRaw(receiver.port);
  beyond.send(forgedRequest(chunked, chunk.repeat(BODY_PIECES_MAX + 1)));
  await assert.rejects(beyond.next());
  await beyond.ended;
  assert.equal((await deliver(receiver, { event: 'call.dtmf', data: {} })).status, 200);
});

// Without making room, the new delivery is refused and the stalled bodies are kept.
it('stalled bodies are dropped in favor of the sender’s deliveries, oldest first', async (t) => {
  const receiver = await startReceiver({ env: { RATE_LIMIT_MAX: '0' } });
  t.after(() => receiver.close());
  const bodyBytes = 1024 * 1024;
  const stalled: RawConnection[] = [];
  const held = Buffer.alloc(bodyBytes - 1, 'x');
  for (let count = 0; count < BUFFERED_BODIES_BYTES_MAX / bodyBytes + 4; count++) {
    const connection = await openRaw(receiver.port);
    connection.send(forgedRequest([`Content-Length: ${bodyBytes}`]));
    connection.send(held);
    stalled.push(connection);
  }
  const oldest = await stalled[0]?.next();
  assert.equal(oldest?.status, 503);
  for (let count = 0; count < 20; count++) {
    const answer = await deliver(receiver, { event: 'call.dtmf', data: { count, text: 'y'.repeat(10_000) } });
    assert.equal(answer.status, 200);
  }
  for (const connection of stalled) connection.close();
});
