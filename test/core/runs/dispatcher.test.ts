import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import type { Reader } from '../../../src/core/engine/reader.ts';
import type { Position, RunStore, UnfinishedEvent } from '../../../src/core/engine/run-store.ts';
import {
  CONSUMER_ABSENCE_MS,
  HANDLER_READ_EVENTS_MAX,
  RUN_ATTEMPTS_MAX,
  RUN_RETRY_FIRST_MS,
  RUN_RETRY_LAST_MS,
  RUN_STATE_WRITE_MS,
  RUNS_AHEAD_EVENTS_MAX,
  RUNS_WAITING_BYTES_MAX,
} from '../../../src/core/limits.ts';
import { type Consumer, RunFailed } from '../../../src/core/runs/consumer.ts';
import { Dispatcher } from '../../../src/core/runs/dispatcher.ts';
import type { Death } from '../../../src/core/runs/handlers-messages.ts';
import type { RunContext } from '../../../src/core/runs/run-context.ts';
import { createReader } from '../../../src/engines/sqlite/reader.ts';
import { openRunStore } from '../../../src/engines/sqlite/runs.ts';
import { derivations } from '../../../src/projections/index.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { delivery, T0_S } from '../../support/events.ts';

const TIMEOUT_MS = 5_000;
const RUNS_MAX = 3;
/** Turns off the jitter of delays: `random() + 0.5` is 1. */
const NO_JITTER = 0.5;

/** The real one: when it calls back, no promise is left that could be settled. */
const whenPromisesAreDone = setImmediate;

const opened: { close(): unknown }[] = [];
beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'setImmediate', 'Date'], now: T0_S * 1000 });
});
afterEach(async () => {
  mock.timers.reset();
  for (const each of opened.splice(0).reverse()) await each.close();
});

/** A run that ends when the test says so. */
interface Started {
  readonly seq: number;
  readonly attempt: number;
  readonly context: RunContext;
  end(error?: unknown): void;
}

function given(events: number, type = 'call.ringing') {
  const test: TestDatabase = openTestDatabase();
  opened.push(test);
  let made = 0;
  const append = (count: number, of = type) => {
    const deliveries = Array.from({ length: count }, () =>
      delivery({ event: of, timestamp: T0_S, data: { call_uuid: `call-${made++}` } }),
    );
    if (count > 0) test.appender.append(deliveries);
  };
  append(events);
  /** Appends an event of each of these calls. */
  const appendOf = (calls: readonly string[], text = '') =>
    void test.appender.append(
      calls.map((call) =>
        delivery({ event: type, timestamp: T0_S, data: { call_uuid: call, text, n: made++ } }),
      ),
    );
  const storePath = join(test.path, '..', 'handlers.db');
  const lines: string[] = [];
  const clock = { lateMs: 0 };
  const tables = { reflected: Number.MAX_SAFE_INTEGER };
  const reader: Reader = {
    ...createReader(test.database, derivations.projections),
    reflectedSeq: async () => tables.reflected,
  };
  const faults: unknown[] = [];

  /** Acts as a new process: its own connection to the state, and runs that the test ends one by one. */
  async function dispatch(more: Partial<Consumer> = {}, death?: Death) {
    const store = openRunStore(storePath);
    opened.push(store);
    const started: Started[] = [];
    const underWay: (readonly number[])[] = [];
    const consumer: Consumer = {
      name: 'handlers',
      timeoutMs: TIMEOUT_MS,
      runsMax: RUNS_MAX,
      runsUserCode: true,
      wants: (sent) => sent === type,
      run: (_logged, context) =>
        new Promise<void>((resolve, reject) => {
          const end = (error?: unknown) => (error === undefined ? resolve() : reject(error as Error));
          started.push({ seq: context.seq, attempt: context.attempt, context, end });
        }),
      ...more,
    };
    const dispatcher = await Dispatcher.open({
      consumer,
      reader,
      store,
      now: () => Date.now() - clock.lateMs,
      random: () => NO_JITTER,
      tools: { log: (level, text) => void lines.push(`${level} ${text}`), query: async () => [] },
      onFault: (error) => void faults.push(error),
      death,
      onPosition() {},
      onUnderWay: (seqs) => void underWay.push(seqs),
    });
    const seqs = () => started.map(({ seq }) => seq);
    const running = () => underWay.at(-1) ?? [];
    /** Ends a run in progress. */
    const end = async (seq: number, error?: unknown) => {
      started.findLast((run) => run.seq === seq)?.end(error);
      await idle();
    };
    const position = async () => (await store.consumer('handlers'))?.seq;
    return { dispatcher, store, started, seqs, running, end, position };
  }
  /** A consumer positioned before the first event. */
  const fromStart = async (more: Partial<Consumer> = {}, death?: Death) => {
    const store = openRunStore(storePath);
    await store.moveTo('handlers', 0, new Uint8Array());
    await store.close();
    return dispatch(more, death);
  };
  return { append, appendOf, clock, dispatch, faults, fromStart, lines, reader, storePath, tables, test };
}

/** A death of the thread while these events were running. */
function died(...seqs: number[]): Death {
  return { seqs, reason: 'it did not yield' };
}

/** A change that leaves a run dead. */
function deadRun(seq: number) {
  const run = {
    consumer: 'handlers',
    seq,
    subject: null,
    attempts: 9,
    error: 'x',
    failedAtMs: 0,
    nextAtMs: null,
  };
  return { position: { seq, chain: new Uint8Array(), generation: 1 }, unfinished: [run], done: [] };
}

/** Lets promises and immediates run. */
async function idle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) {
    await new Promise((resolve) => whenPromisesAreDone(resolve));
    mock.timers.tick(0);
  }
}

async function closed(dispatcher: Dispatcher): Promise<void> {
  const closing = dispatcher.close(0);
  await pass(0);
  await closing;
}

async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  await idle();
}

describe('a dispatcher', () => {
  it('starts at the end of the log for a new consumer', async () => {
    const { append, dispatch } = given(5);
    const { dispatcher, seqs, position } = await dispatch();
    await dispatcher.pump();
    assert.deepEqual(seqs(), []);
    assert.equal(await position(), 5);
    append(1);
    await dispatcher.pump();
    assert.deepEqual(seqs(), [6]);
  });

  it('starts runs in order of seq, with a limited number at a time', async () => {
    const { fromStart } = given(5);
    const { dispatcher, seqs, end } = await fromStart();
    await dispatcher.pump();
    assert.deepEqual(seqs(), [1, 2, 3]);
    await end(2);
    assert.deepEqual(seqs(), [1, 2, 3, 4]);
    await end(1);
    await end(3);
    await end(4);
    assert.deepEqual(seqs(), [1, 2, 3, 4, 5]);
  });

  it('skips events that are not for it', async () => {
    const { append, fromStart } = given(1);
    append(300, 'call.dtmf');
    append(1);
    const { dispatcher, seqs, end, position } = await fromStart();
    await dispatcher.pump();
    await end(1);
    await idle();
    assert.deepEqual(seqs(), [1, 302]);
    await end(302);
    await pass(RUN_STATE_WRITE_MS);
    assert.equal(await position(), 302);
  });

  it('tries an event again after one second, then two, and continues with the others meanwhile', async () => {
    const { fromStart } = given(4);
    const { dispatcher, started, seqs, end, store } = await fromStart({ runsMax: 1 });
    await dispatcher.pump();
    await end(1, new TypeError('no'));
    assert.deepEqual(seqs(), [1, 2]);
    await end(2);
    await end(3);
    await end(4);
    await pass(RUN_RETRY_FIRST_MS - 1);
    assert.deepEqual(seqs(), [1, 2, 3, 4]);
    await pass(1);
    assert.deepEqual(seqs(), [1, 2, 3, 4, 1]);
    assert.equal(started.at(-1)?.attempt, 2);
    await end(1, new Error('still no'));
    await pass(RUN_STATE_WRITE_MS);
    assert.deepEqual(
      (await store.failed(9)).map(({ seq, attempts, error }) => ({ seq, attempts, error })),
      [{ seq: 1, attempts: 2, error: 'Error: still no' }],
    );
    await pass(2 * RUN_RETRY_FIRST_MS - RUN_STATE_WRITE_MS - 1);
    assert.equal(started.length, 5);
    await pass(1);
    assert.equal(started.at(-1)?.attempt, 3);
    await end(1);
    await pass(RUN_STATE_WRITE_MS);
    assert.deepEqual(await store.failed(9), []);
  });

  it('tries again even if its timer fires ahead of the clock', async () => {
    const { clock, fromStart } = given(1);
    const { dispatcher, seqs, end } = await fromStart();
    await dispatcher.pump();
    await end(1, new Error('no'));
    await pass(RUN_STATE_WRITE_MS);
    clock.lateMs = 1;
    await pass(RUN_RETRY_FIRST_MS - RUN_STATE_WRITE_MS);
    assert.deepEqual(seqs(), [1]);
    await pass(1);
    assert.deepEqual(seqs(), [1, 1]);
  });

  it(`gives up after ${RUN_ATTEMPTS_MAX} attempts, and logs it`, async () => {
    const { fromStart, lines } = given(1);
    const { dispatcher, started, end, store, position } = await fromStart();
    await dispatcher.pump();
    for (let attempt = 1; attempt <= RUN_ATTEMPTS_MAX; attempt++) {
      assert.equal(started.length, attempt);
      await end(1, new Error('never'));
      await pass(RUN_STATE_WRITE_MS);
      await pass(RUN_RETRY_LAST_MS);
    }
    assert.equal(started.length, RUN_ATTEMPTS_MAX);
    const [dead] = await store.failed(9);
    assert.equal(dead?.nextAtMs, null);
    assert.equal(dead?.attempts, RUN_ATTEMPTS_MAX);
    assert.equal(await position(), 1);
    assert.match(
      lines.at(-1) ?? '',
      /^error handlers: seq 1 failed, attempt 12 of 12, no more retries: Error: never; to retry it, run \.\/irisx handlers retry 1/,
    );
  });

  it('never retries a final failure, and waits as long as a failure asks for', async () => {
    const { fromStart } = given(2);
    const { dispatcher, seqs, end, store } = await fromStart();
    await dispatcher.pump();
    await end(1, new RunFailed('gone', { isFinal: true }));
    await end(2, new RunFailed('later', { retryAfterMs: 60_000 }));
    await pass(RUN_STATE_WRITE_MS);
    assert.deepEqual(
      (await store.failed(9)).map(({ nextAtMs, failedAtMs }) => nextAtMs && nextAtMs - failedAtMs),
      [null, 60_000],
    );
    await pass(59_000);
    assert.deepEqual(seqs(), [1, 2]);
    await pass(1_000);
    assert.deepEqual(seqs(), [1, 2, 2]);
  });

  it('records anything that is thrown, however odd, as a failure with one text', async () => {
    const thrower = () => {
      throw new Error('looked at');
    };
    const odd: [unknown, string | RegExp][] = [
      [new TypeError('no', { cause: new Error('refused') }), 'TypeError: no (refused)'],
      ['text', 'text'],
      [null, 'it failed without an error value'],
      [Symbol('s'), 'Symbol(s)'],
      [{ toString: thrower }, 'it failed with a value that cannot be shown as text'],
      [
        new Proxy({}, { get: thrower, getPrototypeOf: thrower }),
        'it failed with a value that cannot be shown as text',
      ],
      [new Error('x'.repeat(1_000_000)), /^Error: x+$/],
    ];
    const { fromStart, lines } = given(odd.length);
    const { dispatcher, end, store, position } = await fromStart({ runsMax: odd.length });
    await dispatcher.pump();
    for (const [index, [thrown]] of odd.entries()) await end(index + 1, thrown);
    await pass(RUN_STATE_WRITE_MS);
    const texts = (await store.failed(99)).map(({ error }) => error);
    assert.equal(texts.length, odd.length);
    for (const [index, [, text]] of odd.entries())
      typeof text === 'string' ? assert.equal(texts[index], text) : assert.match(texts[index] ?? '', text);
    assert.equal(await position(), odd.length);
    assert.ok(lines.every((line) => line.length < 1_100));
  });

  it('loses no failure and no position while the state cannot be written', async () => {
    const { faults, fromStart } = given(2);
    const { dispatcher, store, end, position } = await fromStart();
    await dispatcher.pump();
    await end(1, new Error('bad'));
    const write = mock.method(store, 'write', () => {
      throw new Error('disk full');
    });
    await pass(RUN_STATE_WRITE_MS);
    assert.match(String(faults), /disk full/);
    write.mock.restore();
    assert.deepEqual([await position(), (await store.failed(9)).length], [0, 0]);
    await end(2);
    await pass(RUN_STATE_WRITE_MS);
    assert.deepEqual([await position(), (await store.failed(9)).map(({ seq }) => seq)], [2, [1]]);
  });

  it('counts a run that takes too long as failed, aborts its signal, and ignores how it ends', async () => {
    const { fromStart } = given(1);
    const { dispatcher, started, end, store } = await fromStart();
    await dispatcher.pump();
    await pass(TIMEOUT_MS - 1);
    assert.equal(started[0]?.context.signal.aborted, false);
    await pass(1);
    assert.equal(started[0]?.context.signal.aborted, true);
    await end(1);
    await pass(RUN_STATE_WRITE_MS);
    assert.deepEqual(
      (await store.failed(9)).map(({ seq, error }) => [seq, error]),
      [[1, `it took longer than ${TIMEOUT_MS} ms`]],
    );
  });

  it('after a crash reruns what had not ended and what follows, but nothing twice that had failed', async () => {
    const { dispatch, fromStart } = given(4);
    const before = await fromStart();
    await before.dispatcher.pump();
    await before.end(2);
    await before.end(3, new Error('no'));
    await pass(RUN_STATE_WRITE_MS);
    assert.equal(await before.position(), 0, 'run 1 has not ended');
    const after = await dispatch();
    await after.dispatcher.pump();
    assert.deepEqual(after.seqs(), [1, 2, 4]);
    await pass(RUN_RETRY_FIRST_MS);
    await after.end(1);
    assert.deepEqual(after.seqs(), [1, 2, 4, 3]);
    assert.equal(after.started.at(-1)?.attempt, 2);
  });

  it('finds due events even if as many as it reads at once are already running', async () => {
    const { dispatch, fromStart } = given(100);
    const before = await fromStart({ runsMax: 100 });
    await before.dispatcher.pump();
    for (let seq = 1; seq <= 100; seq++) await before.end(seq, new Error('no'));
    await closed(before.dispatcher);
    await pass(RUN_RETRY_FIRST_MS);
    const after = await dispatch({ runsMax: HANDLER_READ_EVENTS_MAX });
    await after.dispatcher.pump();
    assert.equal(after.started.length, HANDLER_READ_EVENTS_MAX);
    await after.dispatcher.pump();
    for (let n = 0; n < after.started.length; n++) await after.end(after.started[n]?.seq ?? 0);
    assert.equal(after.started.length, 100);
  });

  it('runs the new events of a restored log, even if earlier events with their seq had failed', async () => {
    const { append, dispatch, fromStart } = given(3);
    const before = await fromStart();
    await before.dispatcher.pump();
    for (const seq of [1, 2, 3]) await before.end(seq);
    await closed(before.dispatcher);
    const position = (await before.store.consumer('handlers')) as Position;
    const failed: UnfinishedEvent = {
      consumer: 'handlers',
      seq: 4,
      attempts: RUN_ATTEMPTS_MAX,
      error: 'Error: no',
      failedAtMs: 0,
      nextAtMs: null,
      subject: null,
    };
    await before.store.write('handlers', { position, unfinished: [failed], done: [] });
    const after = await dispatch();
    append(1);
    await after.dispatcher.pump();
    assert.deepEqual(after.seqs(), [4]);
    assert.deepEqual(await after.store.failed(9), []);
  });

  it(`runs at most ${RUNS_AHEAD_EVENTS_MAX} events ahead of the first that has not ended`, async () => {
    const { fromStart } = given(RUNS_AHEAD_EVENTS_MAX + 20);
    const { dispatcher, started } = await fromStart({ timeoutMs: 1e9 });
    await dispatcher.pump();
    for (let turn = 0; turn < RUNS_AHEAD_EVENTS_MAX + 20; turn++) {
      for (const run of started.slice(1)) run.end();
      await idle();
    }
    assert.equal(started.at(-1)?.seq, RUNS_AHEAD_EVENTS_MAX);
  });

  it('counts every attempt in progress when its thread died as failed, and goes on one at a time until these have ended', async () => {
    const { dispatch, fromStart } = given(5);
    await (await fromStart()).dispatcher.pump();
    const { dispatcher, started, running, end, seqs, store } = await dispatch({}, died(1, 2));
    await dispatcher.pump();
    assert.deepEqual(
      (await store.failed(9)).map(({ seq, attempts, error }) => [seq, attempts, error]),
      [
        [1, 1, 'it did not yield'],
        [2, 1, 'it did not yield'],
      ],
    );
    assert.deepEqual(running(), [3]);
    await end(3);
    assert.deepEqual(running(), [4]);
    await pass(RUN_RETRY_FIRST_MS);
    await end(4);
    assert.deepEqual(running(), [1]);
    assert.equal(started.at(-1)?.attempt, 2);
    await end(1);
    assert.deepEqual(running(), [5], 'due and new events take turns');
    await end(5);
    assert.deepEqual(running(), [2]);
    await end(2, new Error('again'));
    assert.deepEqual(seqs(), [3, 4, 1, 5, 2]);
    assert.deepEqual(
      (await store.failed(9)).map(({ seq, attempts }) => [seq, attempts]),
      [[2, 2]],
    );
  });

  for (const [what, intervene] of [
    ['skips', (store: RunStore) => store.skip([1])],
    ['gives up', (store: RunStore) => store.write('handlers', deadRun(1))],
  ] as const)
    it(`runs several at a time again once a person ${what} the run that was in progress`, async () => {
      const { dispatch, fromStart, storePath } = given(9);
      await (await fromStart()).dispatcher.pump();
      const { dispatcher, running, end } = await dispatch({}, died(1));
      await dispatcher.pump();
      assert.deepEqual(running(), [2]);
      const person = openRunStore(storePath);
      opened.push(person);
      await intervene(person);
      await dispatcher.reload();
      await end(2);
      assert.deepEqual(running(), [3, 4, 5]);
    });

  it('reruns from the position that an operator has set, whatever is in progress', async () => {
    const { dispatch, fromStart, storePath } = given(3);
    const { dispatcher, seqs, end, position } = await fromStart({ runsMax: 1 });
    await dispatcher.pump();
    await end(1);
    await end(2);
    const person = openRunStore(storePath);
    await person.moveTo('handlers', 0, new Uint8Array());
    await person.close();
    await dispatcher.reload();
    await end(3);
    assert.deepEqual(seqs(), [1, 2, 3, 1]);
    await end(1);
    await pass(RUN_STATE_WRITE_MS);
    assert.equal(await position(), 1);
    await closed(dispatcher);
    assert.equal(await (await dispatch()).position(), 1);
  });

  it('does not overwrite a position that an operator has set, even before it has noticed', async () => {
    const { fromStart, storePath } = given(3);
    const { dispatcher, end, position } = await fromStart({ runsMax: 1 });
    await dispatcher.pump();
    const person = openRunStore(storePath);
    await person.moveTo('handlers', 0, new Uint8Array());
    await person.close();
    await end(1);
    await pass(RUN_STATE_WRITE_MS);
    assert.equal(await position(), 0);
  });

  it('continues at the end of the log if the log is not the one it knew', async () => {
    const { fromStart, dispatch, storePath, lines } = given(5);
    const { dispatcher, end } = await fromStart({ runsMax: 1 });
    await dispatcher.pump();
    await end(1);
    await closed(dispatcher);
    const store = openRunStore(storePath);
    await store.moveTo('handlers', 3, new Uint8Array(32));
    await store.close();
    const after = await dispatch();
    await after.dispatcher.pump();
    assert.deepEqual(after.seqs(), []);
    assert.equal(await after.position(), 5);
    assert.match(lines.at(-1) ?? '', /^warn handlers: event 3, the last one seen, is not in this log/);
  });

  it('does one thing after the other, even if it is asked for several at once', async () => {
    const { fromStart, faults } = given(300);
    const ended: number[] = [];
    const { dispatcher, position } = await fromStart({
      run: async (_logged, { seq }) => {
        ended.push(seq);
      },
    });
    while (ended.length < 300) {
      await Promise.all([
        dispatcher.pump(),
        dispatcher.reload(),
        dispatcher.noteRunning(),
        dispatcher.pump(),
      ]);
      await pass(RUN_STATE_WRITE_MS);
    }
    assert.deepEqual(
      ended,
      Array.from({ length: 300 }, (_, index) => index + 1),
    );
    await closed(dispatcher);
    assert.equal(await position(), 300);
    assert.deepEqual(faults, []);
  });

  it('after a crash stores the result of each run before it starts another', async () => {
    const { fromStart, storePath } = given(5);
    const store = openRunStore(storePath);
    opened.push(store);
    const positions: Promise<Position | undefined>[] = [];
    const run = () => void positions.push(store.consumer('handlers'));
    const { dispatcher } = await fromStart({ run }, died(5));
    await dispatcher.pump();
    await idle();
    const seqs = (await Promise.all(positions)).map((position) => position?.seq);
    assert.deepEqual(seqs, [0, 1, 2, 3]);
  });

  it('after a crash without a run in progress stores at least the first result at once', async () => {
    const { fromStart } = given(4);
    const { dispatcher, running, end, position } = await fromStart({}, died());
    await dispatcher.pump();
    assert.deepEqual(running(), [1]);
    await end(1);
    assert.equal(await position(), 1);
    assert.deepEqual(running(), [2, 3, 4]);
  });

  it('starts nothing more once it closes, even if it is about to start a run', async () => {
    const { fromStart } = given(3);
    let closing: Promise<void> | undefined;
    const wants = () => {
      closing = dispatcher.close(0);
      return true;
    };
    const { dispatcher, seqs } = await fromStart({ wants });
    await dispatcher.pump();
    await pass(0);
    await closing;
    assert.notEqual(closing, undefined);
    assert.deepEqual(seqs(), []);
  });

  it('waits for runs in progress when it closes, but not forever', async () => {
    const { fromStart } = given(5);
    const { dispatcher, seqs, started, end, position } = await fromStart();
    await dispatcher.pump();
    const closing = dispatcher.close(1_000);
    await end(1);
    assert.deepEqual(seqs(), [1, 2, 3], 'starts no more runs');
    await end(2);
    await pass(1_000);
    await closing;
    assert.equal(started[2]?.context.signal.aborted, true);
    assert.equal(await position(), 2);
  });
});

describe('the events of one subject', () => {
  /** Events of calls, which a dispatcher has begun to run. */
  async function begun(...calls: string[]) {
    const it = given(0);
    it.appendOf(calls);
    const dispatched = await it.fromStart();
    await dispatched.dispatcher.pump();
    const person = openRunStore(it.storePath);
    opened.push(person);
    /** What a person does, noticed at once. */
    const act = async (work: Promise<unknown>) => {
      await work;
      await dispatched.dispatcher.reload();
      await dispatched.dispatcher.pump();
    };
    return { ...it, ...dispatched, person, act };
  }

  it('run one after another, beside those of other subjects', async () => {
    const { seqs, end, running, position } = await begun('a', 'a', 'b', 'a', 'b');
    assert.deepEqual(seqs(), [1, 3]);
    await end(3);
    assert.deepEqual(running(), [1, 5]);
    await end(5);
    await pass(RUN_STATE_WRITE_MS);
    assert.equal(await position(), 0, 'the position waits for the first');
    await end(1);
    await end(2);
    await end(4);
    assert.deepEqual(seqs(), [1, 3, 5, 2, 4]);
    await pass(RUN_STATE_WRITE_MS);
    assert.equal(await position(), 5);
  });

  it('are stored behind one that fails, and follow it at once when it succeeds; all others go on', async () => {
    const { appendOf, dispatcher, seqs, end, position, store } = await begun('a', 'a', 'b', 'a');
    await end(1, new Error('no'));
    appendOf(['a', 'b']);
    await dispatcher.pump();
    await end(3);
    assert.deepEqual(seqs(), [1, 3, 6]);
    await end(6);
    await pass(RUN_STATE_WRITE_MS);
    assert.equal(await position(), 6);
    const state = await store.consumer('handlers');
    assert.deepEqual([state?.waiting, state?.blocked, state?.dead], [1, 3, 0]);
    await pass(RUN_RETRY_FIRST_MS);
    for (const seq of [1, 2, 4, 5]) await end(seq);
    assert.deepEqual(seqs(), [1, 3, 6, 1, 2, 4, 5]);
    await pass(RUN_STATE_WRITE_MS);
    assert.deepEqual(await store.unfinishedAfter('handlers', 0), []);
  });

  it('follow one that is dead at once', async () => {
    const { seqs, end } = await begun('a', 'a');
    await end(1, new RunFailed('never', { isFinal: true }));
    assert.deepEqual(seqs(), [1, 2]);
  });

  it('follow one that a person skips', async () => {
    const { seqs, end, person, act } = await begun('a', 'a', 'a');
    await end(1, new Error('no'));
    await pass(RUN_STATE_WRITE_MS);
    await act(person.skip([1]));
    await end(2);
    assert.deepEqual(seqs(), [1, 2, 3]);
  });

  for (const following of [[], ['a']])
    it(`never run beside a dead one that a person retries, which is next (${following.length} more)`, async () => {
      const { seqs, end, person, act } = await begun('a', 'a', ...following);
      await end(1, new RunFailed('never', { isFinal: true }));
      await pass(RUN_STATE_WRITE_MS);
      await act(person.retry([1], Date.now()));
      assert.deepEqual(seqs(), [1, 2]);
      await end(2);
      assert.deepEqual(seqs(), [1, 2, 1]);
      await end(1);
      assert.deepEqual(seqs(), [1, 2, 1, ...following.map(() => 3)]);
    });

  it('keep their order after a crash', async () => {
    const { dispatch, end } = await begun('a', 'a', 'b', 'a');
    await end(1, new Error('no'));
    await pass(RUN_STATE_WRITE_MS);
    const after = await dispatch({}, died(3));
    await after.dispatcher.pump();
    assert.deepEqual(after.seqs(), []);
    await pass(RUN_RETRY_FIRST_MS);
    for (const seq of [1, 3, 2, 4]) await after.end(seq);
    assert.deepEqual(after.seqs().toSorted(), [1, 2, 3, 4]);
    assert.deepEqual(
      after.seqs().filter((seq) => seq !== 3),
      [1, 2, 4],
    );
  });

  it('do not fill the memory: beyond a limit no more events are read', async () => {
    const { appendOf, dispatcher, seqs, end } = await begun('a');
    const text = 'x'.repeat(RUNS_WAITING_BYTES_MAX / 4);
    appendOf(['a', 'a', 'a', 'a'], text);
    appendOf(['b', 'c']);
    await dispatcher.pump();
    assert.deepEqual(seqs(), [1]);
    await end(1);
    assert.deepEqual(seqs(), [1, 2, 6, 7]);
  });
});

describe('tables that lag', () => {
  it('hold up a user’s handlers until they reflect the event; events that they already reflect run', async () => {
    const { fromStart, tables, lines } = given(5);
    tables.reflected = 2;
    const it = await fromStart();
    await it.dispatcher.pump();
    assert.deepEqual(it.seqs(), [1, 2]);
    await it.end(1);
    await it.end(2);
    await pass(RUN_STATE_WRITE_MS);
    assert.equal(await it.position(), 2);
    await it.dispatcher.pump();
    assert.deepEqual(it.seqs(), [1, 2]);
    assert.deepEqual(lines, [
      'warn handlers: events from seq 3 on are waiting for the tables, which reflect the log up to seq 2',
    ]);
    tables.reflected = 4;
    await it.dispatcher.pump();
    assert.deepEqual(it.seqs(), [1, 2, 3, 4]);
    assert.equal(lines[1], 'info handlers: the tables now reflect seq 3: the waiting events run');
  });

  it('also hold up a retry: after a version bump the tables reflect nothing', async () => {
    const { dispatch, fromStart, tables } = given(1);
    const before = await fromStart();
    await before.dispatcher.pump();
    await before.end(1, new Error('first attempt'));
    await closed(before.dispatcher);
    tables.reflected = 0;
    const after = await dispatch();
    await pass(RUN_RETRY_FIRST_MS);
    await after.dispatcher.pump();
    assert.deepEqual(after.seqs(), []);
    tables.reflected = 1;
    await after.dispatcher.pump();
    assert.deepEqual(after.seqs(), [1]);
  });

  it('do not hold up forwarding, which reads no table', async () => {
    const { fromStart, tables } = given(3);
    tables.reflected = 0;
    const it = await fromStart({ runsUserCode: false });
    await it.dispatcher.pump();
    assert.deepEqual(it.seqs(), [1, 2, 3]);
  });
});

describe('a replay during a run of the same event', () => {
  /** Event 2 is running when a replay from event 1 is requested. */
  async function replayed() {
    const given3 = given(3);
    const it = await given3.fromStart();
    await it.dispatcher.pump();
    await it.end(1);
    await it.end(3);
    const person = openRunStore(given3.storePath);
    opened.push(person);
    await person.moveTo('handlers', 0, new Uint8Array());
    return { ...given3, ...it, person };
  }

  for (const order of ['before the dispatcher has seen it', 'after'] as const)
    it(`runs the event again, even if the earlier run fails for good (${order})`, async () => {
      const { dispatcher, end, seqs, store, position } = await replayed();
      const fail = () => end(2, new RunFailed('for good', { isFinal: true }));
      if (order !== 'after') {
        await fail();
        await pass(RUN_STATE_WRITE_MS);
      }
      await dispatcher.reload();
      if (order === 'after') await fail();
      await dispatcher.pump();
      assert.deepEqual(seqs(), [1, 2, 3, 1, 2, 3]);
      for (const seq of [1, 2, 3]) await end(seq);
      await pass(RUN_STATE_WRITE_MS);
      assert.equal(await position(), 3);
      assert.deepEqual(await store.failed(10), []);
    });

  it('waits for the earlier run, whose result does not count for the later one', async () => {
    const { dispatcher, started, seqs, running, position } = await replayed();
    await dispatcher.reload();
    await dispatcher.pump();
    assert.deepEqual(seqs(), [1, 2, 3, 1, 3], 'event 2 is still running');
    started.find(({ seq }) => seq === 2)?.end();
    await idle();
    await dispatcher.pump();
    assert.deepEqual(seqs().slice(3), [1, 3, 2]);
    started[3]?.end();
    started[4]?.end();
    await idle();
    await pass(RUN_STATE_WRITE_MS);
    assert.deepEqual(running(), [2]);
    assert.equal(await position(), 1, 'a crash now would run event 2 again');
  });

  it('keeps the failure of the later run if the earlier run succeeds', async () => {
    const { dispatch, fromStart, storePath } = given(1);
    const before = await fromStart();
    await before.dispatcher.pump();
    await before.end(1, new Error('once'));
    await closed(before.dispatcher);
    const it = await dispatch();
    await pass(RUN_RETRY_FIRST_MS);
    await it.dispatcher.pump();
    assert.deepEqual(it.seqs(), [1], 'a retry is running');
    const person = openRunStore(storePath);
    opened.push(person);
    await person.moveTo('handlers', 0, new Uint8Array());
    await it.dispatcher.reload();
    it.started[0]?.end();
    await idle();
    await it.dispatcher.pump();
    assert.equal(it.started.length, 2);
    it.started[1]?.end(new Error('again'));
    await idle();
    await pass(RUN_STATE_WRITE_MS);
    assert.deepEqual(
      (await it.store.failed(10)).map(({ seq, attempts, error }) => [seq, attempts, error]),
      [[1, 1, 'Error: again']],
    );
  });
});

describe('a consumer that comes back', () => {
  /** A consumer that stopped `ms` ago; `events` more events have arrived since then. */
  async function away(ms: number, events: number) {
    const it = given(2);
    const before = await it.fromStart();
    await before.dispatcher.pump();
    for (const seq of [1, 2]) await before.end(seq);
    await before.dispatcher.noteRunning();
    await closed(before.dispatcher);
    it.append(events);
    mock.timers.setTime(Date.now() + ms);
    const after = await it.dispatch();
    await after.dispatcher.pump();
    return { ...it, ...after };
  }

  it('after a day continues where it stopped', async () => {
    const { seqs, store } = await away(CONSUMER_ABSENCE_MS, 2);
    assert.deepEqual(seqs(), [3, 4]);
    assert.equal((await store.consumer('handlers'))?.state, 'running');
  });

  it('after more than a day continues if it has missed nothing', async () => {
    const { append, dispatcher, seqs } = await away(CONSUMER_ABSENCE_MS + 1, 0);
    append(1);
    await dispatcher.pump();
    assert.deepEqual(seqs(), [3]);
  });

  for (const [from, expected] of [
    ['stopped', [3, 4, 5]],
    ['now', [5]],
  ] as const)
    it(`after more than a day waits for an operator, and logs that once (then --from ${from})`, async () => {
      const { append, dispatch, dispatcher, lines, reader, seqs, store } = await away(
        CONSUMER_ABSENCE_MS + 1,
        2,
      );
      await dispatcher.noteRunning();
      await dispatcher.reload();
      await dispatcher.pump();
      assert.deepEqual(seqs(), []);
      assert.equal((await store.consumer('handlers'))?.state, 'held up');
      assert.equal(lines.length, 1);
      assert.match(
        lines[0] ?? '',
        /^warn handlers: last ran at 20\S+; events missed since then: 2, failed runs: 0; nothing/,
      );
      await closed(dispatcher);
      const restarted = await dispatch();
      await restarted.dispatcher.pump();
      assert.deepEqual(restarted.seqs(), [], 'a restart does not end the wait');
      const head = await reader.head();
      await store.resume('handlers', from === 'now' ? head : undefined, Date.now());
      await restarted.dispatcher.reload();
      append(1);
      await restarted.dispatcher.pump();
      assert.deepEqual(restarted.seqs(), expected);
    });

  it('resumed with --from now does not retry earlier failures', async () => {
    const { dispatch, fromStart, reader, store } = (() => {
      const it = given(1);
      return { ...it, store: openRunStore(it.storePath) };
    })();
    opened.push(store);
    const before = await fromStart();
    await before.dispatcher.pump();
    await before.end(1, new Error('once'));
    await closed(before.dispatcher);
    await store.resume('handlers', await reader.head(), Date.now());
    const after = await dispatch();
    await pass(RUN_RETRY_LAST_MS);
    await after.dispatcher.pump();
    assert.deepEqual(after.seqs(), []);
    assert.deepEqual(
      [(await store.consumer('handlers'))?.waiting, (await store.consumer('handlers'))?.dead],
      [0, 1],
    );
  });
});

it('an error in the dispatcher itself is reported as its own, and never thrown into the thread', async () => {
  const { fromStart, faults } = given(1);
  const it = await fromStart();
  await it.dispatcher.pump();
  await it.store.close();
  await it.end(1);
  await pass(RUN_STATE_WRITE_MS);
  assert.match(String(faults[0]), /not open/);
});

describe('events that are due again beside new ones', () => {
  for (const death of [undefined, died(48)])
    it(`take turns with them, however fast the runs are${death ? ', also after a death of the thread' : ''}`, async () => {
      const { append, dispatch, fromStart, reader } = given(8);
      const first = await fromStart();
      for (let seq = 1; seq <= 4; seq++) {
        await first.dispatcher.pump();
        await first.end(seq, new Error('later'));
      }
      await closed(first.dispatcher);
      await first.store.retry(undefined, Date.now());
      append(40);
      const order: number[] = [];
      const { dispatcher } = await dispatch(
        {
          async run(_logged, context) {
            order.push(context.seq);
            await reader.query('SELECT 1');
          },
        },
        death,
      );
      for (let turn = 0; turn < 20; turn++) {
        await dispatcher.pump();
        await idle();
      }
      assert.deepEqual(order.slice(0, 8), [5, 1, 6, 2, 7, 3, 8, 4]);
    });
});
