/**
 * What is stored about one consumer: its position, its unfinished events, and whether it may run. Changes are
 * collected and written together.
 */

import type { Reader } from '../engine/reader.ts';
import type { EventKey, Position, RunStore, UnfinishedEvent } from '../engine/run-store.ts';
import { RUN_ATTEMPTS_MAX, RUN_RETRY_FIRST_MS, RUN_RETRY_LAST_MS } from '../limits.ts';
import { IRISX } from '../packaging.ts';
import type { Consumer, RunFailed } from './consumer.ts';
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
  /** Not written yet. */
  #unfinished: UnfinishedEvent[] = [];
  #done: EventKey[] = [];
  /** The subjects of those of them that are not dead. */
  #subjects = new Set<string | null>();

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

  /** Notes that an event that is stored as unfinished is done. */
  noteDone(event: EventKey): void {
    this.#done.push(event);
  }

  /**
   * Notes that a run has failed: its event is retried after a delay, or dead.
   * @param run `attempt` is from 1
   * @returns the event as it will be stored
   */
  noteFailure(run: EventKey & { readonly attempt: number }, error: RunFailed): UnfinishedEvent {
    const { now, random, tools } = this.#options;
    const { seq, subject, attempt } = run;
    const nowMs = now();
    const isDead = error.isFinal || attempt >= RUN_ATTEMPTS_MAX;
    const delayMs = Math.min(RUN_RETRY_FIRST_MS * 2 ** (attempt - 1), RUN_RETRY_LAST_MS);
    // A random part spreads runs that have failed together.
    const waitMs = Math.max(
      Math.round(delayMs * (0.5 + random())),
      Math.min(error.retryAfterMs, RUN_RETRY_LAST_MS),
    );
    const what = `${this.#name}: seq ${seq} failed, attempt ${attempt} of ${RUN_ATTEMPTS_MAX}`;
    if (isDead) {
      const retry = `to retry it, run ${IRISX} handlers retry ${seq}`;
      tools.log('error', `${what}, no more retries: ${error.message}; ${retry}`);
    } else tools.log('warn', `${what}, retried in ${(waitMs / 1000).toFixed(1)} s: ${error.message}`);
    const nextAtMs = isDead ? null : nowMs + waitMs;
    return this.#note({ seq, subject, attempts: attempt, error: error.message, failedAtMs: nowMs, nextAtMs });
  }

  /** Notes that an event waits for an earlier unfinished one of its subject. */
  noteBlocked({ seq, subject }: EventKey): void {
    const nowMs = this.#options.now();
    const error = 'never tried: an earlier run of the same subject failed';
    this.#note({ seq, subject, attempts: 0, error, failedAtMs: nowMs, nextAtMs: nowMs });
  }

  #note(noted: Omit<UnfinishedEvent, 'consumer'>): UnfinishedEvent {
    const event = { consumer: this.#name, ...noted };
    this.#unfinished.push(event);
    if (event.nextAtMs !== null) this.#subjects.add(event.subject);
    return event;
  }

  /** Whether an event of that subject is to be retried or blocked, and that is not written yet. */
  hasUnwritten(subject: string): boolean {
    return this.#subjects.has(subject);
  }

  /** @param seq where the position would be moved to */
  hasChanges(seq: number): boolean {
    return seq !== this.seq || this.#unfinished.length > 0 || this.#done.length > 0;
  }

  /**
   * Writes what was noted, and the position. If that throws, it is still noted.
   * @returns when the unfinished events are due, milliseconds since 1970, and whether the position is written: if a person has
   *   moved it, it is not, and reload() must follow
   */
  async write(seq: number): Promise<{ readonly dueAtMs: readonly number[]; readonly isOurs: boolean }> {
    const { reader, store } = this.#options;
    const { generation } = this.#position;
    const position = { seq, chain: await reader.chainOf(seq), generation };
    const unfinished = this.#unfinished;
    const isOurs = await store.write(this.#name, { position, unfinished, done: this.#done });
    this.#keep([], []);
    this.#position = position;
    return { dueAtMs: unfinished.flatMap(({ nextAtMs }) => nextAtMs ?? []), isOurs };
  }

  #keep(unfinished: UnfinishedEvent[], done: EventKey[]): void {
    this.#unfinished = [];
    this.#subjects.clear();
    for (const event of unfinished) this.#note(event);
    this.#done = done;
  }

  /**
   * Reads what another connection may have changed.
   * @returns whether a person has moved the position; then what was noted of later events is dropped
   */
  async reload(): Promise<boolean> {
    const position = await this.#options.store.consumer(this.#name);
    if (position === undefined) return false;
    const isMoved = position.generation !== this.#position.generation;
    if (isMoved) {
      const isKept = ({ seq }: EventKey) => seq <= position.seq;
      this.#keep(this.#unfinished.filter(isKept), this.#done.filter(isKept));
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
