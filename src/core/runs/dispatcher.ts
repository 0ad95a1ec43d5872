/**
 * Takes one consumer through the log: starts its runs, several at a time but only one for each subject, retries failed
 * ones later, and stores its position. Delivery is at least once: the position passes an event only after its run has
 * succeeded or it has been stored as unfinished. A user's code sees an event only after the tables reflect it.
 *
 * The events of one subject run in the order of the log. While one of them runs, the later ones wait in memory, and the
 * position waits with them. If it fails, they are stored behind it, and the position moves on.
 *
 * All that changes its state is done in turns, one after another. While a turn awaits something, a run may end or
 * close() may be called: both only take effect later, except that #canStart() knows of close() at once.
 */

import type { EventKey, UnfinishedEvent } from '../engine/run-store.ts';
import {
  HANDLERS_TURN_EVENTS_MAX,
  RUN_STATE_WRITE_MS,
  RUNS_AHEAD_EVENTS_MAX,
  RUNS_WAITING_BYTES_MAX,
} from '../limits.ts';
import { Turns } from '../turns.ts';
import type { RunFailed } from './consumer.ts';
import { DueEvents } from './due-events.ts';
import type { Death } from './handlers-messages.ts';
import { Lanes } from './lanes.ts';
import { NextEvents, type ReadEvent, readEvent } from './next-events.ts';
import { Progress, type ProgressOptions } from './progress.ts';
import { Run } from './run.ts';
import { Suspects } from './suspects.ts';
import { TableGate } from './table-gate.ts';

export interface DispatcherOptions extends ProgressOptions {
  /** Called if the dispatcher itself fails, not a run: the thread must end. */
  readonly onFault: (error: unknown) => void;
  /** The previous thread's: the runs that were in progress in it count as failed. */
  readonly death: Death | undefined;
  /** Called with the position at the start and whenever the position is written. */
  readonly onPosition: (seq: number) => void;
  /** Called with the events that are running: if the thread dies now, one of them may have caused it. */
  readonly onUnderWay: (seqs: readonly number[]) => void;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #progress: Progress;
  /** Undefined if its code does not read the tables. */
  readonly #gate: TableGate | undefined;
  /** What a turn throws is a fault of the receiver. Errors in a consumer's code fail its run or end the thread. */
  readonly #turns: Turns;
  readonly #next: NextEvents;
  readonly #due: DueEvents;
  readonly #lanes = new Lanes();
  readonly #suspects: Suspects;
  #isRetryNext = false;
  #writing: NodeJS.Timeout | undefined;
  #pumping: NodeJS.Immediate | undefined;
  #closing: { readonly whenIdle: () => void } | undefined;

  /** Starts at the consumer's stored position. A new consumer starts at the end of the log and skips earlier events. */
  static async open(options: DispatcherOptions): Promise<Dispatcher> {
    const { death, onPosition } = options;
    const progress = await Progress.open(options);
    const dispatcher = new Dispatcher(options, progress);
    if (death !== undefined) await dispatcher.#suspects.add(death, progress);
    await dispatcher.#write();
    await dispatcher.#next.goTo(progress.seq);
    onPosition(progress.seq);
    return dispatcher;
  }

  private constructor(options: DispatcherOptions, progress: Progress) {
    this.#options = options;
    this.#progress = progress;
    if (options.consumer.runsUserCode) this.#gate = new TableGate(options);
    this.#turns = new Turns(options.onFault);
    this.#next = new NextEvents(options, progress.seq);
    this.#suspects = new Suspects(options);
    this.#due = new DueEvents(options, () => void this.pump());
  }

  /**
   * Starts every run that can start now. Later runs start by themselves, but new events need another call.
   * @returns when that is done; never rejects
   */
  pump(): Promise<void> {
    return this.#turns.take(() => this.#startRuns());
  }

  /**
   * Call it when another connection has changed the state: events may be due, or the position may have moved.
   * @returns when that is done; never rejects
   */
  reload(): Promise<void> {
    return this.#turns.take(() => this.#readState());
  }

  /** Whether events are waiting for the tables. */
  get isWaiting(): boolean {
    return this.#gate?.isWaiting ?? false;
  }

  /** Stores that it is still running. A later absence counts from this time. @returns when that is done; never rejects */
  noteRunning(): Promise<void> {
    return this.#turns.take(() => this.#progress.noteRunning());
  }

  /** Starts no more runs. @returns when all runs have ended, or after `waitMs`; the state has been written by then */
  async close(waitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closing = { whenIdle: resolve };
    const late = setTimeout(resolve, this.#lanes.runCount === 0 ? 0 : waitMs);
    await promise;
    clearTimeout(late);
    for (const run of this.#lanes.runs) run.giveUp('the receiver is shutting down');
    await this.#turns.take(async () => {
      this.#due.close();
      clearImmediate(this.#pumping);
      await this.#write();
    });
  }

  async #readState(): Promise<void> {
    this.#due.reset();
    if (await this.#progress.reload()) await this.#goBack();
    await this.#suspects.reload();
  }

  /** A person has moved the position: all later events run again, including those running now. */
  async #goBack(): Promise<void> {
    const { seq } = this.#progress;
    for (const run of this.#lanes.runs) {
      run.holdsPosition = false;
      if (run.seq > seq) run.isSuperseded = true;
    }
    this.#lanes.clear();
    await this.#next.goTo(seq);
    this.#tellUnderWay();
  }

  async #startRuns(): Promise<void> {
    clearImmediate(this.#pumping);
    this.#pumping = undefined;
    if (this.#closing !== undefined || this.#progress.isHeldUp) return;
    if (this.#due.mustPoll) {
      await this.#write();
      await this.#due.poll(this.#lanes);
    }
    let handled = 0;
    while (this.#canStart() && (await this.#startOne())) {
      handled += 1;
      if (handled === HANDLERS_TURN_EVENTS_MAX) {
        this.#pumpSoon();
        break;
      }
    }
    this.#writeSoon();
  }

  /** Ask again after each await, right before the start. */
  #canStart(): boolean {
    const runsMax = this.#suspects.isOneAtATime ? 1 : this.#options.consumer.runsMax;
    return this.#closing === undefined && this.#lanes.runCount < runsMax;
  }

  /** Alternates between due and new events, as far as both can start. @returns whether an event was handled */
  async #startOne(): Promise<boolean> {
    const isRetryFirst = this.#isRetryNext;
    if (isRetryFirst ? await this.#startDue() : await this.#startNew()) {
      this.#isRetryNext = !isRetryFirst;
      return true;
    }
    return this.#canStart() && (isRetryFirst ? this.#startNew() : this.#startDue());
  }

  async #startDue(): Promise<boolean> {
    const stored = this.#due.first;
    if (stored === undefined || (await this.#gate?.mustWait(stored.seq))) return false;
    const [event] = await this.#options.reader.forHandlers(stored.seq - 1, 1);
    if (!this.#canStart()) return false;
    this.#due.take();
    if (event?.seq !== stored.seq)
      this.#progress.noteDone(stored); // the log was restored to an earlier state
    else if (this.#lanes.isFree(stored)) this.#start(readEvent(event, this.#gate !== undefined), stored);
    else this.#due.pollAgain();
    return true;
  }

  async #startNew(): Promise<boolean> {
    const ready = this.#lanes.firstReady;
    if (ready !== undefined) return this.#startReady(ready);
    if (this.#next.seq - this.#position() >= RUNS_AHEAD_EVENTS_MAX) return false;
    if (this.#lanes.waitingBytes > RUNS_WAITING_BYTES_MAX) return false;
    const event = await this.#next.first();
    if (event === undefined || (await this.#gate?.mustWait(event.seq))) return false;
    const read = this.#next.interpret(event);
    if (read !== undefined && !this.#lanes.wait(read)) {
      const isBlocked = await this.#isBlocked(read);
      if (!this.#canStart()) return false;
      if (isBlocked) this.#progress.noteBlocked(read);
      else this.#start(read, undefined);
    }
    this.#next.take();
    return true;
  }

  /** Starts the next event of a subject whose run has ended, or stores its events behind an unfinished one. */
  async #startReady(ready: ReadEvent): Promise<boolean> {
    const isBlocked = await this.#isBlocked(ready);
    if (!this.#canStart()) return false;
    if (isBlocked) {
      for (const each of this.#lanes.takeReadyLane()) this.#progress.noteBlocked(each);
      this.#due.pollAgain();
      this.#pumpSoon();
    } else this.#start(this.#lanes.takeReady(), undefined);
    return true;
  }

  /** Whether an earlier event of its subject is unfinished and not dead. */
  async #isBlocked({ seq, subject }: EventKey): Promise<boolean> {
    if (subject === null) return false;
    if (this.#progress.hasUnwritten(subject)) return true;
    const { consumer, store } = this.#options;
    return !this.#due.isNone && (await store.isBlocked(consumer.name, { seq, subject }));
  }

  #start(read: ReadEvent, stored: UnfinishedEvent | undefined): void {
    const { consumer, reader, tools } = this.#options;
    const run = new Run({
      read,
      consumer,
      stored,
      tools,
      isUnfolded: async () => (await reader.unfolded(run.seq - 1, run.seq)).length > 0,
      onEnd: (ended, error) => void this.#turns.take(() => this.#finish(ended, error)),
    });
    this.#lanes.add(run);
    this.#tellUnderWay();
    run.start();
  }

  async #finish(run: Run, error: RunFailed | undefined): Promise<void> {
    this.#lanes.end(run);
    if (!run.isSuperseded) {
      this.#suspects.delete(run.seq);
      const failed = error && this.#progress.noteFailure(run, error);
      if (failed === undefined && run.isStored) this.#progress.noteDone(run);
      // The event may have blocked others.
      if (run.isStored && (failed?.nextAtMs ?? null) === null) this.#due.pollAgain();
    }
    if (this.#due.hasSkipped) this.#due.pollAgain();
    if (this.#suspects.isOneAtATime) {
      // The next run, or something this run left behind, may kill the thread: this result must be stored by then.
      await this.#write();
      this.#suspects.noteWritten();
    } else this.#writeSoon();
    this.#tellUnderWay();
    if (this.#closing === undefined) this.#pumpSoon();
    else if (this.#lanes.runCount === 0) this.#closing.whenIdle();
  }

  #pumpSoon(): void {
    this.#pumping ??= setImmediate(() => void this.pump());
  }

  #writeSoon(): void {
    if (this.#closing !== undefined || !this.#progress.hasChanges(this.#position())) return;
    const write = () => void this.#turns.take(() => this.#write());
    this.#writing ??= setTimeout(write, RUN_STATE_WRITE_MS);
  }

  async #write(): Promise<void> {
    clearTimeout(this.#writing);
    this.#writing = undefined;
    const seq = this.#position();
    if (!this.#progress.hasChanges(seq)) return;
    const { dueAtMs, isOurs } = await this.#progress.write(seq);
    if (!isOurs) await this.#readState();
    this.#options.onPosition(this.#progress.seq);
    for (const atMs of dueAtMs) this.#due.expect(atMs);
  }

  /** The highest seq up to which every event is done, stored as unfinished, or not wanted. */
  #position(): number {
    return Math.min(this.#lanes.firstSeq - 1, this.#next.seq);
  }

  /** A run that a replay has superseded is not among them: its event runs again in any case. */
  #tellUnderWay(): void {
    if (!this.#options.consumer.runsUserCode) return;
    const runs = this.#lanes.runs.filter((run) => !run.isSuperseded);
    this.#options.onUnderWay(runs.map(({ seq }) => seq));
  }
}
