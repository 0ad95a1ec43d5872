/**
 * What is stored about one consumer: its position, its failed runs, and whether it may run. Results of runs are
 * collected and written together.
 */

import type { Reader } from '../engine/reader.ts';
import type { FailedRun, Position, RunStore } from '../engine/run-store.ts';
import { IRISX } from '../packaging.ts';
import { type Consumer, RunFailed } from './consumer.ts';
import { failedRun, type RunFailure, suspectedRun } from './failed-run.ts';
import type { RunTools } from './run.ts';
import { absenceOf, startingPosition } from './starting-position.ts';

export interface ProgressOptions {
  readonly consumer: Consumer;
  readonly reader: Reader;
  readonly store: RunStore;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly tools: RunTools;
}

export class Progress {
  readonly #options: ProgressOptions;
  readonly #name: string;
  #position: Position;
  #isHeldUp = false;
  /** Results not written yet. */
  #failed: FailedRun[] = [];
  #ended: number[] = [];

  /** Starts at the consumer's stored position. A new consumer starts at the end of the log and skips earlier events. */
  static async open(options: ProgressOptions): Promise<Progress> {
    const progress = new Progress(options, await startingPosition(options));
    await progress.#holdUp();
    return progress;
  }

  private constructor(options: ProgressOptions, position: Position) {
    this.#options = options;
    this.#name = options.consumer.name;
    this.#position = position;
  }

  /** The position, as last written or read. */
  get seq(): number {
    return this.#position.seq;
  }

  /** Whether it was stopped for too long: nothing runs until an operator resumes it. */
  get isHeldUp(): boolean {
    return this.#isHeldUp;
  }

  /** The events after the position that have a stored failed run. */
  async failedBeyond(): Promise<Set<number>> {
    return new Set(await this.#options.store.failedSeqsAfter(this.#name, this.seq));
  }

  /** Notes that a run that had failed before needs no further attempt. */
  noteEnd(seq: number): void {
    this.#ended.push(seq);
  }

  noteFailure(failure: Omit<RunFailure, 'consumer'>): void {
    const { now, random, tools } = this.#options;
    const { run, level, text } = failedRun({ ...failure, consumer: this.#name }, now(), random());
    this.#failed.push(run);
    tools.log(level, text);
  }

  noteUnfolded(seq: number, attempt: number): void {
    const text = `no table has this event, because it could not be folded: run ${IRISX} rebuild first`;
    this.noteFailure({ seq, attempt, isAlone: false, error: new RunFailed(text, { isFinal: true }) });
  }

  /** Notes that these runs were in progress when a thread died. See Dispatcher.blame(). */
  async noteDeath(seqs: readonly number[], reason: string): Promise<void> {
    const { now, store } = this.#options;
    const isKnown = seqs.length === 1;
    for (const seq of seqs) {
      const attempts = (await store.failedRun(this.#name, seq))?.attempts ?? 0;
      if (isKnown)
        this.noteFailure({ seq, attempt: attempts + 1, isAlone: true, error: new RunFailed(reason) });
      else this.#failed.push(suspectedRun(this.#name, seq, attempts, reason, now()));
    }
  }

  /** @param settledSeq where the position would be moved to */
  hasChanges(settledSeq: number): boolean {
    return settledSeq !== this.seq || this.#failed.length > 0 || this.#ended.length > 0;
  }

  /**
   * Writes the noted results and the position. If that throws, they are still noted.
   * @returns when the failed runs are due, milliseconds since 1970, and whether the position is written: if a person has
   *   moved it, it is not, and reload() must follow
   */
  async write(
    settledSeq: number,
  ): Promise<{ readonly dueAtMs: readonly number[]; readonly isOurs: boolean }> {
    const { reader, store } = this.#options;
    const { generation } = this.#position;
    const position = { seq: settledSeq, chain: await reader.chainOf(settledSeq), generation };
    const [failed, ended] = [this.#failed, this.#ended];
    const isOurs = await store.write(this.#name, { position, failed, ended });
    this.#failed = [];
    this.#ended = [];
    this.#position = position;
    return { dueAtMs: failed.flatMap(({ nextAtMs }) => nextAtMs ?? []), isOurs };
  }

  /**
   * Reads what another connection may have changed.
   * @returns whether a person has moved the position; then the noted results of later events are dropped
   */
  async reload(): Promise<boolean> {
    const position = await this.#options.store.position(this.#name);
    if (position === undefined) return false;
    const isMoved = position.generation !== this.#position.generation;
    if (isMoved) {
      this.#failed = this.#failed.filter(({ seq }) => seq <= position.seq);
      this.#ended = this.#ended.filter((seq) => seq <= position.seq);
      this.#position = position;
    }
    if (this.#isHeldUp) await this.#holdUp();
    return isMoved;
  }

  /** Stores that it is still running. A later absence counts from this time. */
  async noteRunning(): Promise<void> {
    const { now, store } = this.#options;
    if (!this.#isHeldUp) await store.setState(this.#name, 'running', now());
  }

  /** Finds out whether the consumer may run or must wait for an operator, and stores it. */
  async #holdUp(): Promise<void> {
    const { now, reader, store, tools } = this.#options;
    const { seq } = await reader.head();
    const absence = absenceOf(await store.consumer(this.#name), seq, now());
    await store.setState(this.#name, absence === undefined ? 'running' : 'held up', now());
    if (absence !== undefined && !this.#isHeldUp) tools.log('warn', absence);
    this.#isHeldUp = absence !== undefined;
  }
}
