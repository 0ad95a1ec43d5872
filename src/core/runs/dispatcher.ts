/**
 * Takes one consumer through the log: starts its runs in order of `seq`, several at a time, retries failed ones later,
 * and stores its position. Delivery is at least once: the position passes an event only after its run has succeeded or
 * has been stored as failed. A user's code sees an event only after the tables reflect it.
 *
 * All that changes its state is done in turns, one after another. While a turn awaits something, a run may end or
 * close() may be called: both are only noted then, and #canStart() takes them into account.
 */

import type { FailedRun } from '../engine/run-store.ts';
import type { HandlerEvent } from '../event/recorded-event.ts';
import { HANDLER_READ_EVENTS_MAX, RUN_STATE_WRITE_MS, RUNS_AHEAD_EVENTS_MAX } from '../limits.ts';
import { Turns } from '../turns.ts';
import type { RunFailed } from './consumer.ts';
import { DueRuns } from './due-runs.ts';
import { Progress, type ProgressOptions } from './progress.ts';
import { Run } from './run.ts';
import { TableGate } from './table-gate.ts';

export interface DispatcherOptions extends ProgressOptions {
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
  readonly #progress: Progress;
  /** Undefined if its code does not read the tables. */
  readonly #gate: TableGate | undefined;
  /** What a turn throws is a fault of the receiver. Errors in a consumer's code fail its run or end the thread. */
  readonly #turns: Turns;
  /** The next event to handle. */
  #next: number;
  /** Runs started before a replay that covers their events: their results are not stored. */
  readonly #superseded = new Set<Run>();
  /** Events after the starting position that already have a failed run: they are retried, not started as new. */
  #failedBefore: Set<number>;
  /** Events read ahead, starting with `#next`. */
  #ahead: HandlerEvent[] = [];
  /** By seq, until their result is recorded. */
  readonly #underWay = new Map<number, Run>();
  /** How many of them have ended: the turns that record them are still to come. */
  #unrecorded = 0;
  #writing: NodeJS.Timeout | undefined;
  readonly #due: DueRuns;
  #isRetryNext = false;
  #pumping: NodeJS.Immediate | undefined;
  #closing: { readonly whenIdle: () => void } | undefined;

  /** Starts at the consumer's stored position. A new consumer starts at the end of the log and skips earlier events. */
  static async open(options: DispatcherOptions): Promise<Dispatcher> {
    const progress = await Progress.open(options);
    options.onSettled(progress.seq);
    return new Dispatcher(options, progress, await progress.failedBeyond());
  }

  private constructor(options: DispatcherOptions, progress: Progress, failedBefore: Set<number>) {
    const { consumer, now, onFault, reader, store, tools } = options;
    this.#options = options;
    this.#progress = progress;
    if (consumer.isForeign) this.#gate = new TableGate({ consumer: consumer.name, reader, tell: tools.log });
    this.#turns = new Turns(onFault);
    this.#next = progress.seq + 1;
    this.#failedBefore = failedBefore;
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
    if (this.#closing !== undefined || this.#progress.isHeldUp) return;
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
    if (await this.#progress.reload()) await this.#goBack();
  }

  /** A person has moved the position: all later events run again, including those running now. */
  async #goBack(): Promise<void> {
    const { seq } = this.#progress;
    for (const run of this.#underWay.values()) if (run.seq > seq) this.#superseded.add(run);
    this.#next = seq + 1;
    this.#ahead = [];
    this.#failedBefore = await this.#progress.failedBeyond();
  }

  /** Whether events are waiting for the tables. */
  get isWaiting(): boolean {
    return this.#gate?.isWaiting ?? false;
  }

  /** Stores that it is still running. A later absence counts from this time. @returns when that is done; never rejects */
  noteRunning(): Promise<void> {
    return this.#turns.take(() => this.#progress.noteRunning());
  }

  /**
   * Records which runs were in progress in a thread that died. A single event is to blame. If there were several, the
   * culprit is unknown, so each is retried with no other run at the same time.
   * @returns when that is stored; never rejects
   */
  blame(seqs: readonly number[], reason: string): Promise<void> {
    return this.#turns.take(async () => {
      await this.#progress.noteDeath(seqs, reason);
      await this.#write();
      this.#failedBefore = await this.#progress.failedBeyond();
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
    if (this.#underWay.size >= this.#options.consumer.runsMax) return false;
    for (const run of this.#underWay.values()) if (run.isAlone) return false;
    // No run starts while another runs alone, or before a due run that must run alone.
    return this.#underWay.size === 0 || this.#due.first?.isAlone !== true;
  }

  /** Alternates between retries and new events, as far as both can start. @returns whether an event was handled */
  async #startOne(): Promise<boolean> {
    const next = this.#due.first;
    if (next?.isAlone === true) return this.#startRetry();
    const isRetryFirst = this.#isRetryNext;
    if (isRetryFirst ? await this.#startRetry() : await this.#startNew()) {
      this.#isRetryNext = !isRetryFirst;
      return true;
    }
    return this.#canStart() && (isRetryFirst ? this.#startNew() : this.#startRetry());
  }

  async #startRetry(): Promise<boolean> {
    const failed = this.#due.first;
    if (failed === undefined || (await this.#gate?.mustWait(failed.seq))) return false;
    const [event] = await this.#options.reader.forHandlers(failed.seq - 1, 1);
    const isUnfolded = await this.#gate?.isUnfolded(failed.seq);
    if (!this.#canStart()) return false;
    this.#due.take();
    if (event?.seq !== failed.seq)
      this.#progress.noteEnd(failed.seq); // the log was restored to an earlier state
    else if (isUnfolded) this.#progress.noteUnfolded(failed.seq, failed.attempts + 1);
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
      !this.#failedBefore.has(event.seq) && event.type !== null && this.#options.consumer.wants(event.type);
    const isUnfolded = isRun && (await this.#gate?.isUnfolded(event.seq));
    if (!this.#canStart()) return false;
    this.#ahead.shift();
    this.#next = event.seq + 1;
    this.#failedBefore.delete(event.seq);
    if (isUnfolded) this.#progress.noteUnfolded(event.seq, 1);
    else if (isRun) this.#start(event, undefined);
    return true;
  }

  #start(event: HandlerEvent, failed: FailedRun | undefined): void {
    const { consumer, tools } = this.#options;
    const run = new Run({
      event,
      consumer,
      failed,
      tools,
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
    const { seq, attempt, isAlone, isRetry } = run;
    this.#unrecorded -= 1;
    if (!this.#superseded.delete(run)) {
      if (error !== undefined) this.#progress.noteFailure({ seq, attempt, isAlone, error });
      else if (isRetry) this.#progress.noteEnd(seq);
    }
    this.#underWay.delete(seq);
    // The next run, or something this run left behind, may kill the thread: this result must be stored by then.
    if (isAlone || this.#options.isCautious) await this.#write();
    else this.#writeSoon();
    this.#tellUnderWay();
    if (this.#closing === undefined) this.#pumpSoon();
    else if (this.#underWay.size === 0) this.#closing.whenIdle();
  }

  #pumpSoon(): void {
    this.#pumping ??= setImmediate(() => void this.pump());
  }

  #writeSoon(): void {
    if (this.#closing !== undefined || !this.#progress.hasChanges(this.#settledSeq())) return;
    const write = () => void this.#turns.take(() => this.#write());
    this.#writing ??= setTimeout(write, RUN_STATE_WRITE_MS);
  }

  async #write(): Promise<void> {
    clearTimeout(this.#writing);
    this.#writing = undefined;
    const settledSeq = this.#settledSeq();
    if (!this.#progress.hasChanges(settledSeq)) return;
    const { dueAtMs, isOurs } = await this.#progress.write(settledSeq);
    if (!isOurs) await this.#readState();
    this.#options.onSettled(this.#progress.seq);
    for (const atMs of dueAtMs) this.#due.expect(atMs);
  }

  /** The highest seq up to which no new event is still running. */
  #settledSeq(): number {
    let settled = this.#next - 1;
    for (const run of this.#underWay.values()) if (!run.isRetry && run.seq <= settled) settled = run.seq - 1;
    return settled;
  }

  #tellUnderWay(): void {
    if (this.#options.consumer.isForeign) this.#options.onUnderWay([...this.#underWay.keys()]);
  }
}
