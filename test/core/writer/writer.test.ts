/** The main thread's side of the writer, with a fake thread that answers when the test says so. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Delivery, Outcome, Recorded } from '../../../src/core/event/delivery.ts';
import {
  BATCH_AHEAD_DELIVERIES_MIN,
  BATCH_BYTES_MAX,
  BATCH_DELIVERIES_MAX,
  QUEUE_DELIVERIES_MAX,
} from '../../../src/core/limits.ts';
import type { LogLevel } from '../../../src/core/logger.ts';
import type { Thread, ThreadEvents } from '../../../src/core/thread.ts';
import { Writer } from '../../../src/core/writer/writer.ts';
import {
  type FromWriter,
  packBatch,
  packOutcomes,
  type ToWriter,
  unpackBatch,
  unpackOutcomes,
} from '../../../src/core/writer/writer-messages.ts';
import { delivery } from '../../support/events.ts';

const HEAD = { seq: 7, chain: new Uint8Array(32).fill(0xc0) };

class FakeThread implements Thread<ToWriter> {
  readonly messages: ToWriter[] = [];
  #events: ThreadEvents<FromWriter> | undefined;
  #answered = 0;

  readonly start = (events: ThreadEvents<FromWriter>): this => {
    this.#events = events;
    return this;
  };

  send(message: ToWriter): void {
    this.messages.push(message);
  }

  async close(): Promise<void> {}

  say(message: FromWriter): void {
    if (message.kind === 'answered') this.#answered += 1;
    this.#events?.onMessage(message);
  }

  end(error: string | undefined, code: number): void {
    this.#events?.onEnd(error, code);
  }

  /** The deliveries of each batch, in order. */
  get batches(): Delivery[][] {
    return this.messages.flatMap((message) => (message.kind === 'batch' ? [unpackBatch(message.batch)] : []));
  }

  /** The deliveries of the last message, which must be a batch. */
  get batch(): Delivery[] {
    assert.equal(this.messages.at(-1)?.kind, 'batch');
    return this.batches.at(-1) ?? [];
  }

  /** Answers the first batch that has no answer yet: seq 1, 2, 3, … */
  commit(): void {
    const batch = this.batches[this.#answered];
    assert.ok(batch, 'every batch has already been answered');
    const outcomes = batch.map(
      (_, index): Recorded => ({
        kind: 'recorded',
        seq: index + 1,
        duplicate: false,
        type: null,
        error: null,
        warnings: [],
        otherEventHeader: false,
      }),
    );
    this.answer(outcomes);
  }

  /** @param lagging null if nothing was committed */
  answer(outcomes: readonly Outcome[], lagging: string[] | null = []): void {
    this.say({ kind: 'answered', outcomes: packOutcomes(outcomes), lagging: lagging ?? undefined, ms: 1 });
  }
}

async function openWriter(lagging: string[] = []) {
  const thread = new FakeThread();
  const logged: [LogLevel, string][] = [];
  const lost: string[] = [];
  const laggings: (readonly string[])[] = [];
  const opening = Writer.open(thread.start, (level, message) => logged.push([level, message]), {
    onLost: (text) => lost.push(text),
    onCommitted() {},
    onLagging: (names) => laggings.push(names),
  });
  thread.say({ kind: 'ready', head: HEAD, lagging });
  return { thread, logged, lost, laggings, writer: await opening };
}

const one = (bytes = 10) => delivery(new Uint8Array(bytes));
const kindOf = (outcome: Outcome) => (outcome.kind === 'refused' ? outcome.reason : outcome.kind);

/** Whether a promise is settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  const afterThis = new Promise((resolve) => setImmediate(resolve, pending));
  return (await Promise.race([promise, afterThis])) !== pending;
}

describe('a batch between the threads', () => {
  it('arrives as it was sent, bytes and fields', () => {
    const batch = [
      delivery('{"event":"x"}', { eventHeader: 'x', signature: null }),
      delivery(''),
      delivery(Buffer.from([0, 255, 1]).subarray(1), { path: '/webhooks/sms', eventIdHeader: 'e' }),
    ];
    const arrived = unpackBatch(structuredClone(packBatch(batch)));
    assert.deepEqual(
      arrived.map(({ body, ...fields }) => ({ ...fields, body: [...body] })),
      batch.map(({ body, ...fields }) => ({ ...fields, body: [...body] })),
    );
  });
});

describe('the outcomes of a batch between the threads', () => {
  it('arrive as they were sent', () => {
    const plain: Recorded = {
      kind: 'recorded',
      seq: 8,
      duplicate: false,
      type: 'call.ringing',
      error: null,
      warnings: [],
      otherEventHeader: false,
    };
    const outcomes: Recorded[] = [
      plain,
      { ...plain, seq: 3, duplicate: true, otherEventHeader: true },
      { ...plain, seq: 9, type: null, error: 'the body is empty' },
      { ...plain, seq: 9, type: null, duplicate: true, error: 'the body is empty' },
      { ...plain, seq: 10, type: null },
    ];
    assert.deepEqual(unpackOutcomes(structuredClone(packOutcomes(outcomes))), outcomes);
  });
});

describe('opening the writer', () => {
  it('ends when the database is open, and returns the head', async () => {
    const { writer } = await openWriter();
    assert.deepEqual(writer.head, HEAD);
    assert.equal(writer.storage, 'ok');
    assert.equal(writer.pending, 0);
  });

  it('fails with the thread’s one-line message, and is not reported as a loss', async () => {
    const thread = new FakeThread();
    const lost: string[] = [];
    const opening = Writer.open(thread.start, () => {}, {
      onLost: (text) => lost.push(text),
      onCommitted() {},
      onLagging() {},
    });
    thread.say({ kind: 'cannot-open', text: 'x.db is damaged: restore it' });
    thread.end(undefined, 0);
    await assert.rejects(opening, { message: 'x.db is damaged: restore it' });
    assert.deepEqual(lost, []);
  });

  it('fails when the thread does', async () => {
    for (const fail of [
      (thread: FakeThread) => thread.end('no such module', 1),
      (thread: FakeThread) => thread.end(undefined, 1),
    ]) {
      const thread = new FakeThread();
      const opening = Writer.open(thread.start, () => {}, {
        onLost() {},
        onCommitted() {},
        onLagging() {},
      });
      fail(thread);
      await assert.rejects(opening, /no such module|ended with code 1/);
    }
  });
});

describe('group commit', () => {
  it('sends the first delivery at once and gathers the others while it commits', async () => {
    const { thread, writer } = await openWriter();
    const first = writer.append(one());
    assert.equal(thread.batch.length, 1);
    const others = [writer.append(one()), writer.append(one()), writer.append(one())];
    assert.equal(thread.messages.length, 1, 'one batch at a time');
    assert.equal(writer.pending, 4);
    thread.commit();
    assert.equal(thread.batch.length, 3);
    assert.equal((await first).kind, 'recorded');
    assert.equal(await isSettled(Promise.any(others)), false, 'never before the commit');
    thread.commit();
    const outcomes = await Promise.all(others);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.kind === 'recorded' && outcome.seq),
      [1, 2, 3],
    );
    assert.equal(writer.pending, 0);
  });

  it('keeps the order of arrival', async () => {
    const { thread, writer } = await openWriter();
    for (let n = 0; n < 5; n++) void writer.append(delivery(String(n)));
    const sent = thread.batch.map(({ body }) => Buffer.from(body).toString());
    thread.commit();
    sent.push(...thread.batch.map(({ body }) => Buffer.from(body).toString()));
    assert.deepEqual(sent, ['0', '1', '2', '3', '4']);
  });

  it('sends a second batch ahead if at least half as many wait as are in flight, and never a third', async () => {
    const { thread, writer } = await openWriter();
    const append = (count: number) => {
      for (let n = 0; n < count; n++) void writer.append(one());
    };
    const sizes = () => thread.batches.map((batch) => batch.length);
    append(1 + BATCH_AHEAD_DELIVERIES_MIN - 1);
    assert.deepEqual(sizes(), [1]);
    append(1);
    assert.deepEqual(sizes(), [1, BATCH_AHEAD_DELIVERIES_MIN]);
    append(100);
    assert.deepEqual(sizes(), [1, BATCH_AHEAD_DELIVERIES_MIN], 'two are in flight');
    thread.commit();
    assert.equal(sizes()[2], (BATCH_AHEAD_DELIVERIES_MIN + 100) / 2);
    thread.commit();
    assert.equal(sizes().length, 3, 'fewer wait than are in flight');
    thread.commit();
    assert.deepEqual(sizes().slice(3), [21, 21], 'but nothing waits while the thread is idle');
  });

  it('puts as many deliveries into a batch as its limit allows, and no more', async () => {
    for (const [waiting, inBatch] of [
      [2 * BATCH_DELIVERIES_MAX - BATCH_AHEAD_DELIVERIES_MIN - 2, BATCH_DELIVERIES_MAX - 1],
      [2 * BATCH_DELIVERIES_MAX - BATCH_AHEAD_DELIVERIES_MIN, BATCH_DELIVERIES_MAX],
      [2 * BATCH_DELIVERIES_MAX - BATCH_AHEAD_DELIVERIES_MIN + 1, BATCH_DELIVERIES_MAX],
    ] as const) {
      const { thread, writer } = await openWriter();
      for (let n = 0; n < 1 + BATCH_AHEAD_DELIVERIES_MIN + waiting; n++) void writer.append(one());
      thread.commit();
      assert.equal(thread.batch.length, inBatch);
      assert.equal(writer.pending, BATCH_AHEAD_DELIVERIES_MIN + waiting);
    }
  });

  it('puts as many bytes into a batch as its limit allows; a larger body gets its own batch', async () => {
    const half = BATCH_BYTES_MAX / 2;
    for (const [bytes, inBatch] of [
      [[half, half - 1], 2],
      [[half, half], 2],
      [[half, half + 1], 1],
      [[BATCH_BYTES_MAX + 1, 1], 1],
      [[1, BATCH_BYTES_MAX], 1],
    ] as const) {
      const { thread, writer } = await openWriter();
      void writer.append(one());
      for (const each of bytes) void writer.append(one(each));
      thread.commit();
      assert.equal(thread.batch.length, inBatch, bytes.join(' + '));
    }
  });
});

describe('the queue', () => {
  it('accepts as many deliveries as its limit, not counting those in flight, and refuses the next', async () => {
    const { thread, writer } = await openWriter();
    const delivered = one(1);
    for (let n = 0; n < 1 + BATCH_AHEAD_DELIVERIES_MIN; n++) void writer.append(delivered);
    assert.equal(thread.batches.length, 2);
    for (let n = 0; n < QUEUE_DELIVERIES_MAX - 1; n++) void writer.append(delivered);
    const last = writer.append(delivered);
    assert.equal(await isSettled(last), false);
    assert.deepEqual(await writer.append(delivered), { kind: 'refused', reason: 'queue_full' });
    thread.commit();
    assert.equal(await isSettled(writer.append(delivered)), false, 'there is room again');
  });
});

describe('a batch that storage refuses', () => {
  for (const [fault, reason] of [
    ['busy', 'storage_busy'],
    ['full', 'storage_full'],
  ] as const) {
    it(`(${fault}) is answered accordingly, logged once, and recovery is noticed and logged`, async () => {
      const { thread, writer, logged } = await openWriter();
      for (let n = 0; n < 3; n++) {
        const refused = writer.append(one());
        thread.say({ kind: 'failing', fault, text: 'no' });
        thread.answer([{ kind: 'refused', reason }], null);
        assert.deepEqual(await refused, { kind: 'refused', reason });
        assert.equal(writer.storage, 'failing');
      }
      assert.deepEqual(
        logged.map(([level]) => level),
        ['error'],
      );
      thread.say({ kind: 'recovered' });
      assert.equal(writer.storage, 'ok');
      assert.deepEqual(logged.at(-1), ['info', 'storage works again: deliveries are accepted']);
      const recorded = writer.append(one());
      thread.commit();
      assert.equal((await recorded).kind, 'recorded');
    });
  }

  it('(a defect) is answered accordingly and logged each time, and storage counts as working', async () => {
    const { thread, writer, logged } = await openWriter(['calls']);
    const refused = writer.append(one());
    const next = writer.append(one());
    thread.answer([{ kind: 'refused', reason: 'storage_failed' }], null);
    thread.say({ kind: 'log', level: 'error', text: 'no such column' });
    assert.deepEqual(await refused, { kind: 'refused', reason: 'storage_failed' });
    assert.equal(writer.storage, 'ok');
    assert.deepEqual(logged, [['error', 'no such column']]);
    assert.deepEqual(
      writer.lagging,
      ['calls'],
      'nothing was committed, so nothing new is known about the tables',
    );
    thread.commit();
    assert.equal((await next).kind, 'recorded', 'the next batch is recorded');
  });
});

describe('a lost file', () => {
  for (const [how, lose] of [
    ['the thread says so', (thread: FakeThread) => thread.say({ kind: 'lost', text: 'disk I/O error' })],
    ['the thread fails', (thread: FakeThread) => thread.end('out of memory', 1)],
    ['the thread ends', (thread: FakeThread) => thread.end(undefined, 1)],
  ] as const) {
    it(`(${how}) refuses deliveries in flight, waiting and new, and is reported once`, async () => {
      const { thread, writer, lost } = await openWriter();
      const count = 1 + BATCH_AHEAD_DELIVERIES_MIN + 3;
      const waiting = Array.from({ length: count }, () => writer.append(one()));
      assert.equal(thread.messages.length, 2);
      lose(thread);
      thread.end(undefined, 1);
      assert.deepEqual((await Promise.all(waiting)).map(kindOf), Array(count).fill('storage_failed'));
      assert.deepEqual(await writer.append(one()), { kind: 'refused', reason: 'storage_failed' });
      assert.equal(writer.storage, 'lost');
      assert.equal(writer.pending, 0);
      assert.equal(lost.length, 1);
      assert.equal(thread.messages.length, 2, 'nothing more is sent to the thread');
      writer.refresh();
      await assert.rejects(writer.close(), /the database was lost/);
      assert.equal(thread.messages.length, 2);
    });
  }

  it('makes closing fail, because that is not a clean end', async () => {
    const { thread, writer, lost } = await openWriter();
    void writer.append(one());
    const closing = writer.close();
    thread.say({ kind: 'lost', text: 'disk I/O error' });
    await assert.rejects(closing, /the database was lost/);
    assert.equal(lost.length, 1);
  });
});

describe('closing the writer', () => {
  it('writes what is queued, refuses new deliveries, and returns the final head', async () => {
    const { thread, writer, lost } = await openWriter();
    const count = 1 + BATCH_AHEAD_DELIVERIES_MIN + 1;
    const queued = Array.from({ length: count }, () => writer.append(one()));
    const closing = writer.close();
    assert.deepEqual(await writer.append(one()), { kind: 'refused', reason: 'shutting_down' });
    assert.equal(thread.messages.length, 2);
    for (const batches of [2, 3, 3]) {
      assert.equal(thread.messages.at(-1)?.kind, 'batch');
      thread.commit();
      assert.equal(thread.batches.length, batches);
    }
    assert.equal(thread.messages.at(-1)?.kind, 'close');
    assert.deepEqual((await Promise.all(queued)).map(kindOf), Array(count).fill('recorded'));
    assert.equal(await isSettled(closing), false);
    const head = { seq: 9, chain: new Uint8Array(32).fill(0xd0) };
    thread.say({ kind: 'closed', head });
    thread.end(undefined, 0);
    assert.deepEqual(await closing, head);
    assert.deepEqual(lost, []);
  });

  it('begins with a drain: deliveries are accepted, and a refused batch refuses those that wait', async () => {
    const { thread, writer } = await openWriter();
    writer.drain();
    assert.deepEqual(thread.messages, [{ kind: 'drain' }]);
    const taken = writer.append(one());
    thread.commit();
    assert.equal(kindOf(await taken), 'recorded');

    const waiting = [one(), one(), one()].map((each) => writer.append(each));
    const sent = thread.messages.length;
    thread.say({ kind: 'failing', fault: 'busy', text: 'locked' });
    thread.answer(thread.batch.map(() => ({ kind: 'refused', reason: 'storage_busy' })));
    assert.deepEqual((await Promise.all(waiting)).map(kindOf), Array(3).fill('storage_busy'));
    assert.equal(thread.messages.length, sent, 'no batch is sent to wait for the lock again');
    const closing = writer.close();
    assert.equal(thread.messages.at(-1)?.kind, 'close');
    thread.say({ kind: 'closed', head: HEAD });
    await closing;
  });

  it('asks the thread at once if the writer is idle', async () => {
    const { thread, writer } = await openWriter();
    const closing = writer.close();
    assert.deepEqual(thread.messages, [{ kind: 'close' }]);
    thread.say({ kind: 'closed', head: HEAD });
    assert.deepEqual(await closing, HEAD);
  });

  it('fails if the thread fails or ends instead of answering, and that is reported as a loss', async () => {
    for (const fail of [
      (thread: FakeThread) => thread.end('out of memory', 1),
      (thread: FakeThread) => thread.end(undefined, 1),
    ]) {
      const { thread, writer, lost } = await openWriter();
      const inFlight = writer.append(one());
      const closing = writer.close();
      fail(thread);
      await assert.rejects(closing, /the database was lost/);
      assert.deepEqual(await inFlight, { kind: 'refused', reason: 'storage_failed' });
      assert.equal(lost.length, 1);
    }
  });

  it('completes both calls if called twice', async () => {
    const { thread, writer } = await openWriter();
    const both = [writer.close(), writer.close()];
    thread.say({ kind: 'closed', head: HEAD });
    assert.deepEqual(await Promise.all(both.map(isSettled)), [true, true]);
    assert.equal(await isSettled(writer.close()), true, 'a third call afterwards completes, too');
    assert.deepEqual(thread.messages, [{ kind: 'close' }]);
  });
});

describe('tables that lack events', () => {
  it('are reported at the start and when they change, and only then', async () => {
    const { thread, writer, laggings } = await openWriter(['calls']);
    assert.deepEqual(writer.lagging, ['calls']);
    thread.say({ kind: 'lagging', lagging: ['calls'] });
    thread.say({ kind: 'lagging', lagging: ['calls', 'contacts'] });
    thread.say({ kind: 'lagging', lagging: [] });
    thread.say({ kind: 'lagging', lagging: [] });
    assert.deepEqual(laggings, [['calls'], ['calls', 'contacts'], []]);
    assert.deepEqual(writer.lagging, []);
  });

  it('are checked again by an empty batch, unless a batch is in flight', async () => {
    const { thread, writer } = await openWriter(['calls']);
    writer.refresh();
    writer.refresh();
    assert.equal(thread.messages.length, 1);
    assert.deepEqual(thread.batch, []);
    thread.answer([]);
    assert.deepEqual(writer.lagging, []);
    const closing = writer.close();
    writer.refresh();
    assert.deepEqual(
      thread.messages.map(({ kind }) => kind),
      ['batch', 'close'],
    );
    thread.say({ kind: 'closed', head: HEAD });
    await closing;
  });

  it('a warning from the thread is logged', async () => {
    const { thread, logged } = await openWriter();
    thread.say({ kind: 'log', level: 'warn', text: 'the WAL could not be checkpointed' });
    assert.deepEqual(logged, [['warn', 'the WAL could not be checkpointed']]);
  });
});
