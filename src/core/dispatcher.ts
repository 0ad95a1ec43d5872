/**
 * Takes one consumer through the log: starts its runs in the order of `seq`, several at a time, tries failed ones again
 * later, and keeps its position. At least once: an event is behind the position only when its run has ended well, or
 * has a row among the failed ones. A user's own code sees an event once the tables reflect it.
 */

import { type Consumer, RunFailed } from './consumer.ts';
import { DueRuns } from './due-runs.ts';
import type { EventLog, HandlerEvent } from './event-log.ts';
import { failedRun, suspectedRun } from './failed-run.ts';
import { HANDLER_READ_EVENTS_MAX, RUN_STATE_WRITE_MS, RUNS_AHEAD_EVENTS_MAX } from './limits.ts';
import { Run, type RunTools } from './run.ts';
import type { FailedRun, Position, RunStore } from './run-store.ts';
import { absenceOf, startingPosition } from './starting-position.ts';

export interface DispatcherOptions {
  readonly consumer: Consumer;
  readonly log: EventLog;
  readonly store: RunStore;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly tools: RunTools;
  /** The last event that the tables of this code's version reflect. */
  readonly reflectedSeq: () => number;
  /** Something here has failed, not a run: the thread must end. */
  readonly onFault: (error: unknown) => void;
  /** The thread before has died: what a run comes to is written at once, so that the next death cannot undo it. */
  readonly isCautious: boolean;
  /** Told its position at the beginning and whenever that is written. */
  readonly onSettled: (seq: number) => void;
  /** Told which events are under way: if the thread dies now, it was one of these. */
  readonly onUnderWay: (seqs: readonly number[]) => void;
}

/** Events that one pump() looks at before others get their turn. */
const LOOKS_MAX = 256;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #consumer: Consumer;
  readonly #store: RunStore;
  #position: Position;
  /** It was away for too long: nothing runs until a person says from where. */
  #isHeldUp: boolean;
  /** The next event to look at. */
  #next: number;
  /** What the tables are known to reflect. */
  #reflected = 0;
  /** Events wait for the tables, and that has been logged. */
  #isWaiting = false;
  /** Runs of events that a replay has begun again since: what they come to is not noted. */
  readonly #superseded = new Set<Run>();
  /** Events beyond the position at the beginning that had a failed run: that is tried again, they are not new. */
  #failedBefore: Set<number>;
  /** Read ahead, `#next` first. */
  #ahead: HandlerEvent[] = [];
  readonly #underWay = new Map<number, Run>();
  /** To be written. */
  #failed: FailedRun[] = [];
  #ended: number[] = [];
  #writing: NodeJS.Timeout | undefined;
  readonly #due: DueRuns;
  #isRetryNext = false;
  #pump: NodeJS.Immediate | undefined;
  #closing: { readonly whenIdle: () => void } | undefined;

  /** Begins where the consumer stood; a new one at the log's end: what is in the log already is history to it. */
  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#consumer = options.consumer;
    this.#store = options.store;
    this.#position = startingPosition(options);
    this.#next = this.#position.seq + 1;
    this.#failedBefore = this.#failedBeyond();
    options.onSettled(this.#position.seq);
    const { store, now } = options;
    const onTime = () => this.#guarded(() => this.pump());
    this.#due = new DueRuns({ consumer: this.#consumer.name, store, now, onTime });
    this.#isHeldUp = this.#holdUp();
  }

  /** Starts what can be started now. The rest starts by itself, except new events: wake it for these. */
  pump(): void {
    clearImmediate(this.#pump);
    this.#pump = undefined;
    if (this.#closing !== undefined || this.#isHeldUp) return;
    if (this.#due.isTimeToLook) {
      this.#write();
      this.#due.look(this.#underWay);
    }
    let looks = 0;
    while (this.#canStart() && this.#startOne()) {
      looks += 1;
      if (looks === LOOKS_MAX) {
        this.#pumpSoon();
        break;
      }
    }
    this.#writeSoon();
  }

  /** Another connection has changed the state: runs may be due, or the position moved. */
  reload(): void {
    this.#due.lookAgain();
    const position = this.#store.position(this.#consumer.name);
    if (position === undefined) return;
    if (position.generation !== this.#position.generation) this.#goBackTo(position);
    if (this.#isHeldUp) this.#isHeldUp = this.#holdUp();
  }

  /** A person has moved the position: what comes after it runs again, whatever is under way now. */
  #goBackTo(position: Position): void {
    for (const run of this.#underWay.values()) if (run.seq > position.seq) this.#superseded.add(run);
    this.#failed = this.#failed.filter(({ seq }) => seq <= position.seq);
    this.#ended = this.#ended.filter((seq) => seq <= position.seq);
    this.#position = position;
    this.#next = position.seq + 1;
    this.#failedBefore = this.#failedBeyond();
    this.#ahead = [];
  }

  /** Notes that it runs, or that it may not. @returns whether it waits for a person */
  #holdUp(): boolean {
    const { log, store, now, tools } = this.#options;
    const { name } = this.#consumer;
    const absence = absenceOf(store.consumer(name), log.head().seq, now());
    store.setState(name, absence === undefined ? 'running' : 'held up', now());
    if (absence !== undefined && !this.#isHeldUp) tools.log('warn', absence);
    return absence !== undefined;
  }

  /** It still runs: writes down the time, from which its absence will count. */
  noteRunning(): void {
    if (!this.#isHeldUp) this.#store.setState(this.#consumer.name, 'running', this.#options.now());
  }

  /**
   * Notes what was under way in a thread that has died. One event alone is to blame; of several nobody knows which,
   * so each is tried again with nothing beside it.
   */
  blame(seqs: readonly number[], reason: string): void {
    const isKnown = seqs.length === 1;
    for (const seq of seqs) {
      const attempts = this.#store.failedRun(this.#consumer.name, seq)?.attempts ?? 0;
      if (isKnown) this.#noteFailure({ seq, attempt: attempts + 1, isAlone: true }, new RunFailed(reason));
      else this.#failed.push(suspectedRun(this.#consumer.name, seq, attempts, reason, this.#options.now()));
    }
    this.#write();
    this.#failedBefore = this.#failedBeyond();
  }

  /** Starts nothing more. @returns when all that is under way has ended, or after `waitMs`; the state is written then */
  async close(waitMs: number): Promise<void> {
    const idle = new Promise<void>((resolve) => {
      this.#closing = { whenIdle: resolve };
      setTimeout(resolve, this.#underWay.size === 0 ? 0 : waitMs);
    });
    this.#due.close();
    clearImmediate(this.#pump);
    await idle;
    for (const run of this.#underWay.values()) run.giveUp('the receiver is shutting down');
    this.#write();
  }

  #canStart(): boolean {
    if (this.#underWay.size >= this.#consumer.runsMax) return false;
    for (const run of this.#underWay.values()) if (run.isAlone) return false;
    // Nothing starts beside one that is to run alone, nor before it once it is due.
    return this.#underWay.size === 0 || this.#due.first?.isAlone !== true;
  }

  /** Retries and new events in turn. @returns whether an event was looked at */
  #startOne(): boolean {
    const next = this.#due.first;
    const isRetry = next !== undefined && (next.isAlone || this.#isRetryNext);
    this.#isRetryNext = !isRetry;
    if (isRetry) return this.#startRetry();
    return this.#startNew() || this.#startRetry();
  }

  #startRetry(): boolean {
    const { first } = this.#due;
    if (first === undefined || this.#mustWaitForTables(first.seq)) return false;
    const failed = this.#due.take();
    if (failed === undefined) return false;
    const [event] = this.#options.log.forHandlers(failed.seq - 1, 1);
    if (event?.seq === failed.seq) this.#start(event, failed);
    else this.#ended.push(failed.seq); // the log was put back to an earlier state
    return true;
  }

  #startNew(): boolean {
    if (this.#next - this.#settledSeq() > RUNS_AHEAD_EVENTS_MAX) return false;
    if (this.#ahead.length === 0) {
      this.#ahead = this.#options.log.forHandlers(this.#next - 1, HANDLER_READ_EVENTS_MAX);
    }
    const [event] = this.#ahead;
    // A run of before a replay must end first: of one event there is one run at a time.
    if (event === undefined || this.#underWay.has(event.seq) || this.#mustWaitForTables(event.seq))
      return false;
    this.#ahead.shift();
    this.#next = event.seq + 1;
    const isNew = !this.#failedBefore.delete(event.seq);
    if (isNew && event.type !== null && this.#consumer.wants(event.type)) this.#start(event, undefined);
    return true;
  }

  #mustWaitForTables(seq: number): boolean {
    if (!this.#consumer.isForeign || seq <= this.#reflected) return false;
    this.#reflected = this.#options.reflectedSeq();
    const mustWait = seq > this.#reflected;
    if (mustWait !== this.#isWaiting) {
      const text = mustWait
        ? `events from seq ${seq} on wait until the tables reflect them, which now end with seq ${this.#reflected}`
        : `the tables reflect seq ${seq}: events that waited for them run`;
      this.#options.tools.log(mustWait ? 'warn' : 'info', `${this.#consumer.name}: ${text}`);
      this.#isWaiting = mustWait;
    }
    return mustWait;
  }

  #failedBeyond(): Set<number> {
    return new Set(this.#store.failedSeqsAfter(this.#consumer.name, this.#position.seq));
  }

  #start(event: HandlerEvent, failed: FailedRun | undefined): void {
    const run = new Run({
      event,
      consumer: this.#consumer,
      failed,
      tools: this.#options.tools,
      onEnd: (ended, error) => this.#guarded(() => this.#finish(ended, error)),
    });
    this.#underWay.set(run.seq, run);
    this.#tellUnderWay();
    run.start();
  }

  #finish(run: Run, error: RunFailed | undefined): void {
    if (!this.#superseded.delete(run)) {
      if (error !== undefined) this.#noteFailure(run, error);
      else if (run.isRetry) this.#ended.push(run.seq);
    }
    this.#underWay.delete(run.seq);
    this.#tellUnderWay();
    // What comes next may cost the thread, also what this one has left behind: this is known then.
    if (run.isAlone || this.#options.isCautious) this.#write();
    else this.#writeSoon();
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
    this.#pump ??= setImmediate(() => this.#guarded(() => this.pump()));
  }

  #writeSoon(): void {
    if (this.#closing !== undefined || !this.#hasChanges()) return;
    this.#writing ??= setTimeout(() => this.#guarded(() => this.#write()), RUN_STATE_WRITE_MS);
  }

  /** Whatever fails in here is ours: a consumer's own errors end its run, or reach the thread by another way. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  #hasChanges(): boolean {
    return this.#settledSeq() !== this.#position.seq || this.#failed.length > 0 || this.#ended.length > 0;
  }

  #write(): void {
    clearTimeout(this.#writing);
    this.#writing = undefined;
    if (!this.#hasChanges()) return;
    const seq = this.#settledSeq();
    const { generation } = this.#position;
    const position = { seq, chain: this.#options.log.chainOf(seq), generation };
    const [failed, ended] = [this.#failed, this.#ended];
    const isOurs = this.#store.write(this.#consumer.name, { position, failed, ended });
    this.#failed = [];
    this.#ended = [];
    this.#position = position;
    if (!isOurs) this.reload();
    this.#options.onSettled(this.#position.seq);
    for (const { nextAtMs } of failed) if (nextAtMs !== null) this.#due.expect(nextAtMs);
  }

  /** What is before each new event that is under way. */
  #settledSeq(): number {
    let settled = this.#next - 1;
    for (const run of this.#underWay.values()) if (!run.isRetry && run.seq <= settled) settled = run.seq - 1;
    return settled;
  }

  #tellUnderWay(): void {
    if (this.#consumer.isForeign) this.#options.onUnderWay([...this.#underWay.keys()]);
  }
}
