/** Supervised threads: each end is reported once, with its reason, unless it was asked for. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import type { FromRebuild } from '../../src/threads/rebuild-thread.ts';
import { openThread } from '../../src/threads/thread.ts';
import { createDatabase } from '../support/database.ts';
import { temporaryFolder } from '../support/receiver.ts';

/** The messages of a thread, its ends, and when it has ended by itself. */
function watched<From>() {
  const messages: From[] = [];
  const ends: (readonly [error: string | undefined, code: number])[] = [];
  const hasEnded = Promise.withResolvers<void>();
  return {
    messages,
    ends,
    hasEnded: hasEnded.promise,
    onMessage: (message: From) => messages.push(message),
    onEnd(error: string | undefined, code: number) {
      ends.push([error, code]);
      hasEnded.resolve();
    },
  };
}

/** The data of a thread whose database does not exist. */
function dataFor(t: TestContext) {
  const folder = temporaryFolder();
  t.after(folder.remove);
  return { databasePath: join(folder.path, 'none.db') };
}

it('a thread that has done its work ends without an error; its messages come first', async (t) => {
  const data = dataFor(t);
  await createDatabase(data.databasePath);
  const seen = watched<FromRebuild>();
  const thread = openThread('rebuild-thread', data, seen);
  await seen.hasEnded;
  assert.equal(seen.messages[0]?.kind, 'problems');
  assert.deepEqual(seen.ends, [[undefined, 0]]);
  await thread.close();
  assert.equal(seen.ends.length, 1);
});

it('a thread that fails is reported once, with its error', async (t) => {
  const seen = watched();
  const thread = openThread('secrets-thread', dataFor(t), seen);
  await seen.hasEnded;
  await thread.close();
  assert.equal(seen.ends.length, 1);
  assert.match(String(seen.ends[0]?.[0]), /none\.db/);
  assert.equal(seen.ends[0]?.[1], 1);
});

it('a thread that is closed ends at once, or after the time that it is given, and is not reported', async (t) => {
  for (const afterMs of [undefined, 200]) {
    const seen = watched();
    const thread = openThread('pages-thread', dataFor(t), seen);
    const startMs = performance.now();
    await thread.close(afterMs);
    assert.ok(performance.now() - startMs >= (afterMs ?? 0));
    assert.deepEqual(seen.ends, []);
  }
});

it('messages that a thread has sent are dropped once it is closed, unless it is given time to end by itself', async (t) => {
  for (const [afterMs, count] of [
    [0, 0],
    [60_000, 1],
  ] as const) {
    const data = dataFor(t);
    await createDatabase(data.databasePath);
    const seen = watched<FromRebuild>();
    const thread = openThread('rebuild-thread', data, seen);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000); // its messages wait in this thread
    await thread.close(afterMs);
    assert.equal(seen.messages.length, count);
  }
});
