/**
 * Random histories of a consumer: events of several subjects, runs that fail, threads that die, and persons who replay,
 * skip and retry. After each step the promises about order and about lost events must hold.
 */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it, mock } from 'node:test';
import type { Reader } from '../../../src/core/engine/reader.ts';
import type { RunStore, UnfinishedEvent } from '../../../src/core/engine/run-store.ts';
import type { HandlerEvent } from '../../../src/core/event/recorded-event.ts';
import { RUN_ATTEMPTS_MAX, RUN_RETRY_LAST_MS, RUN_STATE_WRITE_MS } from '../../../src/core/limits.ts';
import { type Consumer, RunFailed } from '../../../src/core/runs/consumer.ts';
import { Dispatcher } from '../../../src/core/runs/dispatcher.ts';
import type { Death } from '../../../src/core/runs/handlers-messages.ts';
import { openRunStore } from '../../../src/engines/sqlite/runs.ts';
import { type Random, seededRandom } from '../../support/random.ts';
import { temporaryFolder } from '../../support/receiver.ts';

const HISTORIES = 2_000;
const STEPS = 30;
const NAME = 'handlers';
/** Null: an event that is its own subject. */
const CALLS = ['a', 'a', 'a', 'b', 'b', 'c', null];

const realImmediate = setImmediate;

interface Event {
  readonly seq: number;
  readonly call: string | null;
  /** Increased by a replay. */
  round: number;
  /** What frees later events of its call, in this round. */
  isDone: boolean;
  /** It comes late if a person retries it: later events may have run. */
  wasDead: boolean;
}

interface Running {
  readonly event: Event;
  readonly round: number;
  readonly attempt: number;
  end(error?: Error): void;
}

class History {
  readonly #random: Random;
  readonly #store: RunStore;
  readonly #runsMax: number;
  readonly #events: Event[] = [];
  readonly #handled = new Set<number>();
  #reflected = 0;
  #lateMs = 0;
  #running: Running[] = [];
  #dispatcher: Dispatcher | undefined;
  #kill = () => {};
  #underWay: readonly number[] = [];
  #suspects = new Set<number>();
  #faults: unknown[] = [];
  /** What happened, for the message of a failure. */
  readonly lines: string[] = [];

  constructor(random: Random, store: RunStore) {
    this.#random = random;
    this.#store = store;
    this.#runsMax = 1 + random.below(4);
  }

  async run(): Promise<void> {
    await this.#store.moveTo(NAME, 0, new Uint8Array());
    await this.#open(undefined);
    for (let step = 0; step < STEPS; step++) {
      await this.#step();
      await this.#check();
    }
    await this.#heal();
    await this.#close();
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const action = random.below(100);
    if (action < 35) this.#append(1 + random.below(4));
    else if (action < 70) this.#endSome();
    else if (action < 82) await this.#pass(random.pick([RUN_STATE_WRITE_MS, 1_000, 5_000, 600_000]));
    else if (action < 88) await this.#restart();
    else if (action < 91) await this.#replay();
    else if (action < 94) await this.#skip();
    else if (action < 97) await this.#retry();
    else this.#lateMs = random.pick([0, 0, 3_600_000, 3 * RUN_RETRY_LAST_MS]);
    if (random.chance(0.1)) return; // the next step follows at once
    await idle();
  }

  #append(count: number): void {
    for (let n = 0; n < count; n++) {
      const call = this.#random.pick(CALLS);
      const seq = this.#events.length + 1;
      this.#events.push({ seq, call, round: 0, isDone: false, wasDead: false });
    }
    if (this.#random.chance(0.8)) this.#reflected = this.#events.length;
    void this.#dispatcher?.pump();
  }

  #endSome(): void {
    for (const run of this.#random.shuffle(this.#running).slice(0, 1 + this.#random.below(3))) {
      const kind = this.#random.below(10);
      if (kind < 6) this.#end(run);
      else if (kind < 9) this.#end(run, new Error('no'));
      else this.#end(run, new RunFailed('never', { isFinal: true }));
    }
  }

  #end(run: Running, error?: Error): void {
    const { event, round, attempt } = run;
    this.#running = this.#running.filter((each) => each !== run);
    this.#suspects.delete(event.seq);
    const isFinal = error instanceof RunFailed || attempt === RUN_ATTEMPTS_MAX;
    if (round === event.round) {
      if (error === undefined) this.#handled.add(event.seq);
      if (error !== undefined && isFinal) event.wasDead = true;
      if (error === undefined || isFinal) event.isDone = true;
    }
    this.lines.push(`end ${event.seq} ${event.call}${error === undefined ? '' : `, ${error.message}`}`);
    run.end(error);
  }

  async #pass(ms: number): Promise<void> {
    mock.timers.tick(ms);
    await idle();
    await this.#dispatcher?.noteRunning();
  }

  async #restart(): Promise<void> {
    const random = this.#random;
    for (let n = random.below(4); n > 0; n--) await new Promise((resolve) => realImmediate(resolve));
    if (random.chance(0.3)) {
      this.lines.push('close');
      await this.#close();
      return this.#open(undefined);
    }
    this.#kill();
    this.lines.push(`kill ${this.#underWay}`);
    const seqs = random.chance(0.8) ? this.#underWay : [];
    this.#running = [];
    this.#suspects = new Set(seqs);
    await this.#open({ seqs, reason: 'it died' });
    for (const seq of seqs) {
      const stored = await this.#stored(seq);
      const event = this.#event(seq);
      if (stored?.nextAtMs === null) event.isDone = event.wasDead = true;
      if (stored?.nextAtMs === null) this.#suspects.delete(seq);
    }
  }

  async #close(): Promise<void> {
    const closing = this.#dispatcher?.close(0);
    await idle();
    await closing;
    this.#running = [];
    this.#suspects.clear();
  }

  async #open(death: Death | undefined): Promise<void> {
    await this.#store.takeOver();
    let isKilled = false;
    /** What a thread calls that has ended never returns. */
    const until = <T extends object>(target: T): T =>
      new Proxy(target, {
        get: (_, name) => {
          const value = Reflect.get(target, name);
          if (typeof value !== 'function') return value;
          return (...args: unknown[]) => (isKilled ? new Promise(() => {}) : value.apply(target, args));
        },
      });
    this.#kill = () => {
      isKilled = true;
    };
    const consumer: Consumer = {
      name: NAME,
      timeoutMs: 1e9,
      runsMax: this.#runsMax,
      runsUserCode: true,
      wants: (type) => type === 'call.ringing',
      run: (_logged, { seq, attempt }) =>
        new Promise<void>((resolve, reject) => {
          if (isKilled) return;
          const end = (error?: Error) => (error === undefined ? resolve() : reject(error));
          const event = this.#event(seq);
          try {
            this.#started({ event, round: event.round, attempt, end });
          } catch (error) {
            this.#faults.push(error); // here it would only fail the run
          }
        }),
    };
    this.#underWay = [];
    this.#dispatcher = await Dispatcher.open({
      consumer,
      reader: until(this.#reader()),
      store: until(this.#store),
      now: () => Date.now() - this.#lateMs,
      random: () => this.#random.next(),
      tools: { log() {}, query: async () => [] },
      onFault: (error) => void this.#faults.push(error),
      death,
      onPosition() {},
      onUnderWay: (seqs) => {
        if (!isKilled) this.#underWay = seqs;
      },
    });
    void this.#dispatcher.pump();
  }

  #reader(): Reader {
    const logged = ({ seq, call }: Event): HandlerEvent => ({
      seq,
      type: seq % 7 === 0 ? 'call.unwanted' : 'call.ringing',
      body: JSON.stringify({ event: 'call.ringing', data: call === null ? {} : { call_uuid: call } }),
      eventHeader: null,
      signedAt: 1,
      bodySha256: '',
      path: '/',
      receivedAtMs: 0,
    });
    const reader: Partial<Reader> = {
      head: async () => ({ seq: this.#events.length, chain: new Uint8Array() }),
      chainOf: async () => new Uint8Array(),
      forHandlers: async (after, limit) => this.#events.slice(after, after + limit).map(logged),
      unfolded: async () => [],
      reflectedSeq: async () => this.#reflected,
    };
    return reader as Reader;
  }

  #event(seq: number): Event {
    return this.#events[seq - 1] as Event;
  }

  #earlier({ seq, call }: Event): Event[] {
    if (call === null) return [];
    return this.#events.slice(0, seq - 1).filter((each) => each.call === call && each.seq % 7 !== 0);
  }

  #started(run: Running): void {
    const { event } = run;
    this.lines.push(`start ${event.seq} ${event.call}, attempt ${run.attempt}`);
    const same = this.#running.filter(
      (each) => each.event === event || (event.call !== null && each.event.call === event.call),
    );
    assert.deepEqual(
      same.map((each) => each.event.seq),
      [],
      `seq ${event.seq} runs beside another run of its subject`,
    );
    assert.ok(
      this.#running.length < (this.#suspects.size > 0 ? 1 : this.#runsMax),
      'too many runs at a time',
    );
    if (!event.isDone) {
      const open = this.#earlier(event).filter(({ isDone, wasDead }) => !isDone && !wasDead);
      assert.deepEqual(
        open.map(({ seq }) => seq),
        [],
        `seq ${event.seq} starts before earlier events of its subject are done`,
      );
    }
    this.#running.push(run);
  }

  /** A person's act, which the dispatcher notices some time later. */
  async #act(act: () => Promise<unknown>): Promise<void> {
    await act();
    if (this.#random.chance(0.3)) {
      this.#endSome();
      await Promise.resolve();
    }
    await this.#dispatcher?.reload();
    void this.#dispatcher?.pump();
    for (const seq of this.#suspects)
      if (!((await this.#stored(seq))?.nextAtMs ?? 0)) this.#suspects.delete(seq);
  }

  #replay(): Promise<void> {
    const from = 1 + this.#random.below(this.#events.length + 1);
    return this.#act(async () => {
      const { seq } = (await this.#store.consumer(NAME)) as { seq: number };
      // What a replay leaves out is skipped, as far as it is not stored.
      for (const event of this.#events.slice(seq, from - 1))
        if ((await this.#stored(event.seq)) === undefined) event.isDone = true;
      this.lines.push(`replay from ${from}, position ${seq}`);
      for (const event of this.#events)
        if (event.seq >= from)
          Object.assign(event, { round: event.round + 1, isDone: false, wasDead: false });
      await this.#store.moveTo(NAME, from - 1, new Uint8Array());
    });
  }

  async #skip(): Promise<void> {
    const runs = await this.#store.unfinishedAfter(NAME, 0);
    if (runs.length === 0) return;
    const { seq } = this.#random.pick(runs);
    this.#event(seq).isDone = true;
    this.lines.push(`skip ${seq}`);
    await this.#act(() => this.#store.skip([seq]));
  }

  async #retry(): Promise<void> {
    const runs = await this.#store.unfinishedAfter(NAME, 0);
    if (runs.length === 0) return;
    const seqs = this.#random.chance(0.5) ? undefined : [this.#random.pick(runs).seq];
    this.lines.push(`retry ${seqs}`);
    await this.#act(() => this.#store.retry(seqs, Date.now()));
  }

  async #stored(seq: number): Promise<UnfinishedEvent | undefined> {
    const [found] = await this.#store.unfinishedAfter(NAME, seq - 1, 1);
    return found?.seq === seq ? found : undefined;
  }

  /** Every event up to the position is done, stored, or not wanted. */
  async #check(): Promise<void> {
    for (const fault of this.#faults) throw fault;
    const position = (await this.#store.consumer(NAME))?.seq ?? 0;
    const stored = new Set((await this.#store.unfinishedAfter(NAME, 0)).map(({ seq }) => seq));
    const forgotten = this.#events
      .slice(0, position)
      .filter(({ seq, isDone }) => !isDone && !stored.has(seq) && seq % 7 !== 0);
    assert.deepEqual(
      forgotten.map(({ seq }) => seq),
      [],
      `the position ${position} passes them`,
    );
  }

  /** From now on every run succeeds. In the end, only dead events are left. */
  async #heal(): Promise<void> {
    this.#lateMs = 0;
    this.#reflected = this.#events.length;
    void this.#dispatcher?.pump();
    for (let quiet = 0; quiet < 3; ) {
      for (const run of this.#running) this.#end(run);
      await this.#pass(quiet === 0 ? RUN_STATE_WRITE_MS : RUN_RETRY_LAST_MS);
      quiet = this.#running.length === 0 ? quiet + 1 : 0;
    }
    await this.#check();
    assert.equal((await this.#store.consumer(NAME))?.seq, this.#events.length);
    const stored = await this.#store.unfinishedAfter(NAME, 0);
    assert.deepEqual(
      stored.filter(({ nextAtMs }) => nextAtMs !== null),
      [],
    );
    await this.#store.skip(stored.map(({ seq }) => seq));
  }
}

/** Lets promises and immediates run. */
async function idle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => realImmediate(resolve));
    mock.timers.tick(0);
  }
  await new Promise((resolve) => realImmediate(resolve));
}

it(`the promises hold in ${HISTORIES} random histories`, async () => {
  const folder = temporaryFolder();
  const store = openRunStore(join(folder.path, 'handlers.db'));
  try {
    for (let seed = 1; seed <= HISTORIES; seed++) {
      mock.timers.enable({ apis: ['setTimeout', 'setImmediate', 'Date'], now: 1_767_600_000_000 });
      const history = new History(seededRandom(seed), store);
      try {
        await history.run();
      } catch (error) {
        throw new Error(`history ${seed}: ${history.lines.join('; ')}`, { cause: error });
      } finally {
        mock.timers.reset();
      }
    }
  } finally {
    await store.close();
    folder.remove();
  }
});
