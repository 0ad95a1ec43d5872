/**
 * Takes one consumer through the log: starts its runs, several at a time but only one for each subject, retries failed
 * ones later, and stores its position. Delivery is at least once: the position passes an event only after its run has
 * succeeded or has been stored. A user's code sees an event only after the tables reflect it.
 *
 * The events of one subject run in the order of the log. While one of them runs, the later ones wait in memory, and the
 * position waits with them. If it fails, they are stored behind it, and the position moves on.
 *
 * All that changes its state is done in turns, one after another. While a turn awaits something, a run may end or
 * close() may be called: both are only noted then, and #canStart() takes them into account.
 */

import type { RunKey, StoredRun } from '../engine/run-store.ts';
import type { HandlerEvent } from '../event/recorded-event.ts';
import {
  HANDLER_READ_EVENTS_MAX,
  HANDLERS_TURN_EVENTS_MAX,
  RUN_STATE_WRITE_MS,
  RUNS_AHEAD_EVENTS_MAX,
  RUNS_WAITING_BYTES_MAX,
} from '../limits.ts';
import { Turns } from '../turns.ts';
import { RunFailed } from './consumer.ts';
import { DueRuns } from './due-runs.ts';
import type { Death } from './handlers-messages.ts';
import { type Lane, Lanes } from './lanes.ts';
import { Progress, type ProgressOptions } from './progress.ts';
import { type ReadEvent, readEvent } from './read-event.ts';
import { Run } from './run.ts';
import { TableGate } from './table-gate.ts';

export interface DispatcherOptions extends ProgressOptions {
  /** Called if the dispatcher itself fails, not a run: the thread must end. */
  readonly onFault: (error: unknown) => void;
  /** The previous thread's: the attempts that were under way in it count as failed. */
  readonly death: Death | undefined;
  /** Called with the position at the start and whenever the position is written. */
  readonly onSettled: (seq: number) => void;
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
  readonly #due: DueRuns;
  /** The next event to handle. */
  #next: number;
  /** Events read from the log, starting with `#next`, and those of them that may be unfolded. */
  #fromLog: HandlerEvent[] = [];
  #unfolded: ReadonlySet<number> = new Set();
  /** Events after the starting position that already have a stored run: they do not start as new. */
  #storedBefore = new Set<number>();
  readonly #lanes = new Lanes();
  /** By seq, until their result is noted. */
  readonly #underWay = new Map<number, Run>();
  /** The events that keep the position back, in the order of the log: neither done nor stored. */
  readonly #unsettled = new Set<number>();
  /** Runs started before a replay that covers their events: their results are not stored. */
  readonly #superseded = new Set<Run>();
  /** Whether only one run may be under way, and its result is written before the next one starts. */
  #isOneAtATime: boolean;
  /** The events that were under way when the thread died: runs go one at a time until these have ended again. */
  readonly #suspects = new Set<number>();
  #isRetryNext = false;
  #writing: NodeJS.Timeout | undefined;
  #pumping: NodeJS.Immediate | undefined;
  #closing: { readonly whenIdle: () => void } | undefined;

  /** Starts at the consumer's stored position. A new consumer starts at the end of the log and skips earlier events. */
  static async open(options: DispatcherOptions): Promise<Dispatcher> {
    const progress = await Progress.open(options);
    const dispatcher = new Dispatcher(options, progress);
    if (options.death !== undefined && options.consumer.runsUserCode)
      await dispatcher.#noteDeath(options.death);
    dispatcher.#storedBefore = await progress.storedBeyond();
    options.onSettled(progress.seq);
    return dispatcher;
  }

  private constructor(options: DispatcherOptions, progress: Progress) {
    const { consumer, now, onFault, reader, store, tools } = options;
    this.#options = options;
    this.#progress = progress;
    if (consumer.runsUserCode)
      this.#gate = new TableGate({ consumer: consumer.name, reader, tell: tools.log });
    this.#turns = new Turns(onFault);
    this.#next = progress.seq + 1;
    this.#isOneAtATime = options.death !== undefined;
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

  /**
   * Call it when another connection has changed the state: runs may be due, or the position may have moved.
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

  async #noteDeath({ seqs, reason }: Death): Promise<void> {
    const { consumer, reader, store } = this.#options;
    for (const seq of seqs) {
      const [event] = await reader.forHandlers(seq - 1, 1);
      if (event?.seq !== seq) continue; // the log was restored to an earlier state
      const [found] = await store.runsAfter(consumer.name, seq - 1, 1);
      const stored = found?.seq === seq ? found : undefined;
      const { subject } = stored ?? readEvent(event, false);
      const attempt = (stored?.attempts ?? 0) + 1;
      const { nextAtMs } = this.#progress.noteFailure({
        seq,
        subject,
        attempt,
        error: new RunFailed(reason),
      });
      if (nextAtMs !== null) this.#suspects.add(seq);
    }
    await this.#write();
  }

  async #readState(): Promise<void> {
    this.#due.reset();
    if (await this.#progress.reload()) await this.#goBack();
    const { consumer, store } = this.#options;
    for (const seq of this.#suspects) {
      const [found] = await store.runsAfter(consumer.name, seq - 1, 1);
      if (found?.seq !== seq || found.nextAtMs === null) this.#suspects.delete(seq); // a person took care of it
    }
  }

  /** A person has moved the position: all later events run again, including those running now. */
  async #goBack(): Promise<void> {
    const { seq } = this.#progress;
    for (const run of this.#underWay.values()) if (run.seq > seq) this.#superseded.add(run);
    this.#lanes.clear();
    this.#unsettled.clear();
    this.#fromLog = [];
    this.#next = seq + 1;
    this.#storedBefore = await this.#progress.storedBeyond();
    this.#tellUnderWay();
  }

  async #startRuns(): Promise<void> {
    clearImmediate(this.#pumping);
    this.#pumping = undefined;
    if (this.#closing !== undefined || this.#progress.isHeldUp) return;
    if (this.#due.isTimeToLook) {
      await this.#write();
      await this.#due.look(this.#underWay.size, (run) => this.#lanes.isFree(run));
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
    const runsMax = this.#isOneAtATime ? 1 : this.#options.consumer.runsMax;
    return this.#closing === undefined && this.#underWay.size < runsMax;
  }

  /** Alternates between stored runs and new events, as far as both can start. @returns whether an event was handled */
  async #startOne(): Promise<boolean> {
    const isRetryFirst = this.#isRetryNext;
    if (isRetryFirst ? await this.#startStored() : await this.#startNew()) {
      this.#isRetryNext = !isRetryFirst;
      return true;
    }
    return this.#canStart() && (isRetryFirst ? this.#startNew() : this.#startStored());
  }

  async #startStored(): Promise<boolean> {
    const stored = this.#due.first;
    if (stored === undefined || (await this.#gate?.mustWait(stored.seq))) return false;
    const [event] = await this.#options.reader.forHandlers(stored.seq - 1, 1);
    if (!this.#canStart()) return false;
    this.#due.take();
    if (event?.seq !== stored.seq)
      this.#progress.noteEnd(stored); // the log was restored to an earlier state
    else if (this.#lanes.isFree(stored)) this.#start(readEvent(event, this.#gate !== undefined), stored);
    return true;
  }

  async #startNew(): Promise<boolean> {
    const ready = this.#lanes.takeReady();
    if (ready !== undefined) {
      await this.#startWaiting(ready);
      return true;
    }
    if (this.#next - this.#settledSeq() > RUNS_AHEAD_EVENTS_MAX) return false;
    if (this.#lanes.waitingBytes > RUNS_WAITING_BYTES_MAX) return false;
    const [event] = await this.#read();
    if (event === undefined || (await this.#gate?.mustWait(event.seq))) return false;
    this.#fromLog.shift();
    this.#next = event.seq + 1;
    const isStored = this.#storedBefore.delete(event.seq);
    if (isStored || event.type === null || !this.#options.consumer.wants(event.type)) return true;
    const read = readEvent(event, this.#unfolded.has(event.seq));
    this.#unsettled.add(event.seq);
    if (this.#lanes.wait(read)) return true;
    if (await this.#isBlocked(read)) this.#block(read);
    else if (this.#canStart()) this.#start(read, undefined);
    return true;
  }

  /** The events read from the log that have not been handled; empty at its end. */
  async #read(): Promise<readonly HandlerEvent[]> {
    if (this.#fromLog.length > 0) return this.#fromLog;
    const { reader } = this.#options;
    this.#fromLog = await reader.forHandlers(this.#next - 1, HANDLER_READ_EVENTS_MAX);
    const last = this.#fromLog.at(-1);
    if (last !== undefined && this.#gate !== undefined)
      this.#unfolded = new Set(await reader.unfolded(this.#next - 1, last.seq));
    return this.#fromLog;
  }

  /** Starts the next event of a subject whose run has ended, or stores its events behind a stored run. */
  async #startWaiting(lane: Lane): Promise<void> {
    const [next] = lane.waiting as [ReadEvent];
    if (await this.#isBlocked(next)) {
      for (const each of this.#lanes.empty(lane)) this.#block(each);
      this.#due.lookAgain();
      this.#pumpSoon();
    } else if (this.#canStart()) this.#start(this.#lanes.next(lane), undefined);
  }

  /** Whether an earlier run of the event's subject is stored and not dead. */
  async #isBlocked({ seq, subject }: RunKey): Promise<boolean> {
    if (subject === null) return false;
    if (this.#progress.hasUnwritten(subject)) return true;
    const { consumer, store } = this.#options;
    return !this.#due.isNone && (await store.isBlocked(consumer.name, { seq, subject }));
  }

  #block(run: RunKey): void {
    this.#progress.noteBlocked(run);
    this.#unsettled.delete(run.seq);
  }

  #start(read: ReadEvent, stored: StoredRun | undefined): void {
    const { consumer, reader, tools } = this.#options;
    const run = new Run({
      read,
      consumer,
      stored,
      tools,
      isUnfolded: async () => (await reader.unfolded(run.seq - 1, run.seq)).length > 0,
      onEnd: (ended, error) => void this.#turns.take(() => this.#finish(ended, error)),
    });
    this.#lanes.enter(run);
    this.#underWay.set(run.seq, run);
    this.#tellUnderWay();
    run.start();
  }

  async #finish(run: Run, error: RunFailed | undefined): Promise<void> {
    const { seq, subject, attempt } = run;
    this.#underWay.delete(seq);
    if (!this.#superseded.delete(run)) {
      this.#unsettled.delete(seq);
      this.#suspects.delete(seq);
      const failed = error && this.#progress.noteFailure({ seq, subject, attempt, error });
      if (failed === undefined && run.isStored) this.#progress.noteEnd(run);
      // The run may have blocked others.
      if (run.isStored && (failed?.nextAtMs ?? null) === null) this.#due.lookAgain();
    }
    if (this.#lanes.leave(run)) this.#due.lookAgain();
    if (this.#isOneAtATime) {
      // The next run, or something this run left behind, may kill the thread: this result must be stored by then.
      await this.#write();
      this.#isOneAtATime = this.#suspects.size > 0;
    } else this.#writeSoon();
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

  /** The highest seq up to which every event is done, stored or not wanted. */
  #settledSeq(): number {
    for (const seq of this.#unsettled) return seq - 1;
    return this.#next - 1;
  }

  /** A run that a replay has superseded is not among them: its event runs again in any case. */
  #tellUnderWay(): void {
    if (!this.#options.consumer.runsUserCode) return;
    const runs = [...this.#underWay.values()].filter((run) => !this.#superseded.has(run));
    this.#options.onUnderWay(runs.map(({ seq }) => seq));
  }
}
