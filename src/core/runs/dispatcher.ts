/**
 * Takes one consumer through the log: starts its runs in order of `seq`, several at a time, retries failed ones later,
 * and stores its position. Delivery is at least once: the position passes an event only after its run has succeeded or
 * has been stored as failed. A user's code sees an event only after the tables reflect it.
 *
 * All that changes its state is done in turns, one after another. While a turn awaits something, a run may end or
 * close() may be called: both are only noted then, and #canStart() takes them into account.
 */

import type { Reader } from '../engine/reader.ts';
import type { FailedRun, Position, RunStore } from '../engine/run-store.ts';
import type { HandlerEvent } from '../event/recorded-event.ts';
import { HANDLER_READ_EVENTS_MAX, RUN_STATE_WRITE_MS, RUNS_AHEAD_EVENTS_MAX } from '../limits.ts';
import { IRISX } from '../packaging.ts';
import { type Consumer, RunFailed } from './consumer.ts';
import { DueRuns } from './due-runs.ts';
import { failedRun, suspectedRun } from './failed-run.ts';
import { Run, type RunTools } from './run.ts';
import { absenceOf, startingPosition } from './starting-position.ts';
import { TableGate } from './table-gate.ts';
import { Turns } from './turns.ts';

export interface DispatcherOptions {
  readonly consumer: Consumer;
  readonly reader: Reader;
  readonly store: RunStore;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly tools: RunTools;
  /** Called if the dispatcher itself fails, not a run: the thread must end. */
  readonly onFault: (error: unknown) => void;
  /** The previous thread died: the result of each run is written at once, so that another crash cannot lose it. */
  readonly isCautious: boolean;
  /** Called with the position at the start and whenever the position is written. */
  readonly onSettled: (seq: number) => void;
  /** Called with the events that are running: if the thread dies now, one of them caused it. */
  readonly onUnderWay: (seqs: readonly number[]) => void;
}

/** Maximum number of events that one turn handles before it yields. */
const LOOKS_MAX = 256;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #consumer: Consumer;
  readonly #store: RunStore;
  /** Undefined if its code does not read the tables. */
  readonly #gate: TableGate | undefined;
  /** What a turn throws is a fault of the receiver. Errors in a consumer's code fail its run or end the thread. */
  readonly #turns: Turns;
  #position: Position;
  /** Whether it was stopped for too long: nothing runs until an operator resumes it. */
  #isHeldUp = false;
  /** The next event to handle. */
  #next: number;
  /** Runs started before a replay that covers their events: their results are not stored. */
  readonly #superseded = new Set<Run>();
  /** Events after the starting position that already have a failed run: they are retried, not started as new. */
  #failedBefore = new Set<number>();
  /** Events read ahead, starting with `#next`. */
  #ahead: HandlerEvent[] = [];
  /** By seq, until their result is recorded. */
  readonly #underWay = new Map<number, Run>();
  /** How many of them have ended: the turns that record them are still to come. */
  #unrecorded = 0;
  /** Results not written yet. */
  #failed: FailedRun[] = [];
  #ended: number[] = [];
  #writing: NodeJS.Timeout | undefined;
  readonly #due: DueRuns;
  #isRetryNext = false;
  #pumping: NodeJS.Immediate | undefined;
  #closing: { readonly whenIdle: () => void } | undefined;

  /** Starts at the consumer's stored position. A new consumer starts at the end of the log and skips earlier events. */
  static async open(options: DispatcherOptions): Promise<Dispatcher> {
    const dispatcher = new Dispatcher(options, await startingPosition(options));
    dispatcher.#failedBefore = await dispatcher.#failedBeyond();
    options.onSettled(dispatcher.#position.seq);
    dispatcher.#isHeldUp = await dispatcher.#holdUp();
    return dispatcher;
  }

  private constructor(options: DispatcherOptions, position: Position) {
    const { consumer, now, onFault, reader, store, tools } = options;
    this.#options = options;
    this.#consumer = consumer;
    this.#store = store;
    if (consumer.isForeign) this.#gate = new TableGate({ consumer: consumer.name, reader, tell: tools.log });
    this.#turns = new Turns(onFault);
    this.#position = position;
    this.#next = position.seq + 1;
    const onTime = () => {
      void this.#turns.take(async () => {
        this.#due.lookAgain();
        await this.#startRuns();
      });
    };
    this.#due = new DueRuns({ consumer: consumer.name, store, now, onTime });
  }

  /**
   * Starts every run that can start now. Later runs start by themselves, but new events need another call.
   * @returns when that is done; never rejects
   */
  pump(): Promise<void> {
    return this.#turns.take(() => this.#startRuns());
  }

  async #startRuns(): Promise<void> {
    clearImmediate(this.#pumping);
    this.#pumping = undefined;
    if (this.#closing !== undefined || this.#isHeldUp) return;
    if (this.#due.isTimeToLook) {
      await this.#write();
      await this.#due.look(this.#underWay);
    }
    let looks = 0;
    while (this.#canStart() && (await this.#startOne())) {
      looks += 1;
      if (looks === LOOKS_MAX) {
        this.#pumpSoon();
        break;
      }
    }
    this.#writeSoon();
  }

  /**
   * Call it when another connection has changed the state: runs may be due, or the position may have moved.
   * @returns when that is done; never rejects
   */
  reload(): Promise<void> {
    return this.#turns.take(() => this.#readState());
  }

  async #readState(): Promise<void> {
    this.#due.lookAgain();
    const position = await this.#store.position(this.#consumer.name);
    if (position === undefined) return;
    if (position.generation !== this.#position.generation) await this.#goBackTo(position);
    if (this.#isHeldUp) this.#isHeldUp = await this.#holdUp();
  }

  /** A person has moved the position: all later events run again, including those running now. */
  async #goBackTo(position: Position): Promise<void> {
    for (const run of this.#underWay.values()) if (run.seq > position.seq) this.#superseded.add(run);
    this.#failed = this.#failed.filter(({ seq }) => seq <= position.seq);
    this.#ended = this.#ended.filter((seq) => seq <= position.seq);
    this.#position = position;
    this.#next = position.seq + 1;
    this.#ahead = [];
    this.#failedBefore = await this.#failedBeyond();
  }

  /** Stores whether the consumer may run. @returns true if it must wait for an operator */
  async #holdUp(): Promise<boolean> {
    const { reader, store, now, tools } = this.#options;
    const { name } = this.#consumer;
    const { seq } = await reader.head();
    const absence = absenceOf(await store.consumer(name), seq, now());
    await store.setState(name, absence === undefined ? 'running' : 'held up', now());
    if (absence !== undefined && !this.#isHeldUp) tools.log('warn', absence);
    return absence !== undefined;
  }

  /** Whether events are waiting for the tables. */
  get isWaiting(): boolean {
    return this.#gate?.isWaiting ?? false;
  }

  /** Stores that it is still running. A later absence counts from this time. @returns when that is done; never rejects */
  noteRunning(): Promise<void> {
    return this.#turns.take(async () => {
      if (!this.#isHeldUp) await this.#store.setState(this.#consumer.name, 'running', this.#options.now());
    });
  }

  /**
   * Records which runs were in progress in a thread that died. A single event is to blame. If there were several, the
   * culprit is unknown, so each is retried with no other run at the same time.
   * @returns when that is stored; never rejects
   */
  blame(seqs: readonly number[], reason: string): Promise<void> {
    const isKnown = seqs.length === 1;
    return this.#turns.take(async () => {
      for (const seq of seqs) {
        const attempts = (await this.#store.failedRun(this.#consumer.name, seq))?.attempts ?? 0;
        if (isKnown) this.#noteFailure({ seq, attempt: attempts + 1, isAlone: true }, new RunFailed(reason));
        else this.#failed.push(suspectedRun(this.#consumer.name, seq, attempts, reason, this.#options.now()));
      }
      await this.#write();
      this.#failedBefore = await this.#failedBeyond();
    });
  }

  /** Starts no more runs. @returns when all runs have ended, or after `waitMs`; the state has been written by then */
  async close(waitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#closing = { whenIdle: resolve };
      setTimeout(resolve, this.#underWay.size === 0 ? 0 : waitMs);
    });
    for (const run of this.#underWay.values()) run.giveUp('the receiver is shutting down');
    await this.#turns.take(async () => {
      this.#due.close();
      clearImmediate(this.#pumping);
      await this.#write();
    });
  }

  /** Ask again after each await, right before the start. */
  #canStart(): boolean {
    if (this.#closing !== undefined) return false;
    // The result of a run that has ended must be stored first. The turn that stores it pumps again.
    if (this.#options.isCautious && this.#unrecorded > 0) return false;
    if (this.#underWay.size >= this.#consumer.runsMax) return false;
    for (const run of this.#underWay.values()) if (run.isAlone) return false;
    // No run starts while another runs alone, or before a due run that must run alone.
    return this.#underWay.size === 0 || this.#due.first?.isAlone !== true;
  }

  /** Alternates between retries and new events. @returns whether an event was handled */
  async #startOne(): Promise<boolean> {
    const next = this.#due.first;
    const isRetry = next !== undefined && (next.isAlone || this.#isRetryNext);
    this.#isRetryNext = !isRetry;
    if (isRetry) return this.#startRetry();
    return (await this.#startNew()) || (await this.#startRetry());
  }

  async #startRetry(): Promise<boolean> {
    const failed = this.#due.first;
    if (failed === undefined || (await this.#gate?.mustWait(failed.seq))) return false;
    const [event] = await this.#options.reader.forHandlers(failed.seq - 1, 1);
    const isUnfolded = await this.#gate?.isUnfolded(failed.seq);
    if (!this.#canStart()) return false;
    this.#due.take();
    if (event?.seq !== failed.seq)
      this.#ended.push(failed.seq); // the log was restored to an earlier state
    else if (isUnfolded) this.#noteUnfolded(failed.seq, failed.attempts + 1);
    else this.#start(event, failed);
    return true;
  }

  async #startNew(): Promise<boolean> {
    if (this.#next - this.#settledSeq() > RUNS_AHEAD_EVENTS_MAX) return false;
    if (this.#ahead.length === 0) {
      this.#ahead = await this.#options.reader.forHandlers(this.#next - 1, HANDLER_READ_EVENTS_MAX);
    }
    const [event] = this.#ahead;
    // After a replay, an earlier run of the same event must end first: an event has only one run at a time.
    if (event === undefined || this.#underWay.has(event.seq)) return false;
    if (await this.#gate?.mustWait(event.seq)) return false;
    const isRun =
      !this.#failedBefore.has(event.seq) && event.type !== null && this.#consumer.wants(event.type);
    const isUnfolded = isRun && (await this.#gate?.isUnfolded(event.seq));
    if (!this.#canStart()) return false;
    this.#ahead.shift();
    this.#next = event.seq + 1;
    this.#failedBefore.delete(event.seq);
    if (isUnfolded) this.#noteUnfolded(event.seq, 1);
    else if (isRun) this.#start(event, undefined);
    return true;
  }

  #noteUnfolded(seq: number, attempt: number): void {
    const text = `no table has this event, because it could not be folded: run ${IRISX} rebuild first`;
    this.#noteFailure({ seq, attempt, isAlone: false }, new RunFailed(text, { isFinal: true }));
  }

  async #failedBeyond(): Promise<Set<number>> {
    return new Set(await this.#store.failedSeqsAfter(this.#consumer.name, this.#position.seq));
  }

  #start(event: HandlerEvent, failed: FailedRun | undefined): void {
    const run = new Run({
      event,
      consumer: this.#consumer,
      failed,
      tools: this.#options.tools,
      onEnd: (ended, error) => {
        this.#unrecorded += 1;
        void this.#turns.take(() => this.#finish(ended, error));
      },
    });
    this.#underWay.set(run.seq, run);
    this.#tellUnderWay();
    run.start();
  }

  async #finish(run: Run, error: RunFailed | undefined): Promise<void> {
    this.#unrecorded -= 1;
    if (!this.#superseded.delete(run)) {
      if (error !== undefined) this.#noteFailure(run, error);
      else if (run.isRetry) this.#ended.push(run.seq);
    }
    this.#underWay.delete(run.seq);
    // The next run, or something this run left behind, may kill the thread: this result must be stored by then.
    if (run.isAlone || this.#options.isCautious) await this.#write();
    else this.#writeSoon();
    this.#tellUnderWay();
    if (this.#closing === undefined) this.#pumpSoon();
    else if (this.#underWay.size === 0) this.#closing.whenIdle();
  }

  #noteFailure({ seq, attempt, isAlone }: Pick<Run, 'seq' | 'attempt' | 'isAlone'>, error: RunFailed): void {
    const { now, random, tools } = this.#options;
    const consumer = this.#consumer.name;
    const { run, level, text } = failedRun({ consumer, seq, attempt, isAlone, error }, now(), random());
    this.#failed.push(run);
    tools.log(level, text);
  }

  #pumpSoon(): void {
    this.#pumping ??= setImmediate(() => void this.pump());
  }

  #writeSoon(): void {
    if (this.#closing !== undefined || !this.#hasChanges()) return;
    const write = () => void this.#turns.take(() => this.#write());
    this.#writing ??= setTimeout(write, RUN_STATE_WRITE_MS);
  }

  #hasChanges(): boolean {
    return this.#settledSeq() !== this.#position.seq || this.#failed.length > 0 || this.#ended.length > 0;
  }

  async #write(): Promise<void> {
    clearTimeout(this.#writing);
    this.#writing = undefined;
    if (!this.#hasChanges()) return;
    const seq = this.#settledSeq();
    const { generation } = this.#position;
    const position = { seq, chain: await this.#options.reader.chainOf(seq), generation };
    const [failed, ended] = [this.#failed, this.#ended];
    const isOurs = await this.#store.write(this.#consumer.name, { position, failed, ended });
    this.#failed = [];
    this.#ended = [];
    this.#position = position;
    if (!isOurs) await this.#readState();
    this.#options.onSettled(this.#position.seq);
    for (const { nextAtMs } of failed) if (nextAtMs !== null) this.#due.expect(nextAtMs);
  }

  /** The highest seq up to which no new event is still running. */
  #settledSeq(): number {
    let settled = this.#next - 1;
    for (const run of this.#underWay.values()) if (!run.isRetry && run.seq <= settled) settled = run.seq - 1;
    return settled;
  }

  #tellUnderWay(): void {
    if (this.#consumer.isForeign) this.#options.onUnderWay([...this.#underWay.keys()]);
  }
}
