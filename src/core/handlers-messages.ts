/** What crosses between the main thread and the thread of the handlers, by message and by shared memory. */

import type { LogLevel } from './logger.ts';

export type ToHandlers =
  /** The log can be opened. */
  | { readonly kind: 'start' }
  /** Something was committed; sent only where the thread has asked for it. */
  | { readonly kind: 'wake' }
  | { readonly kind: 'close' };

export type FromHandlers =
  | { readonly kind: 'loaded'; readonly consumers: readonly string[] }
  /** There is no handler that does something, and nothing to forward: the thread ends. */
  | { readonly kind: 'nothing' }
  /** The handlers cannot be used; `text` is for the operator. */
  | { readonly kind: 'refused'; readonly text: string }
  /** It runs the handlers from now on, or waits until the process that does has ended. */
  | { readonly kind: 'started' }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly text: string }
  /** The thread ends: something in it failed that belongs to no run. `isForeign`: in the user's code, as far as is known. */
  | { readonly kind: 'died'; readonly text: string; readonly isForeign: boolean }
  | { readonly kind: 'closed' };

const INTEGERS = 2;
const HEARTBEATS = 0;
const WANTS_WAKING = 1;
/** Handlers and forwarding. */
const CONSUMERS_MAX = 2;

/** Memory that outlives the thread: whether it lives, how far it has come, and what was under way in it when it died. */
export class SharedState {
  readonly buffer: SharedArrayBuffer;
  readonly #integers: Int32Array;
  readonly #settled: Float64Array;
  readonly #seqs: Float64Array;

  /** @param runsMax of the consumer whose code is the user's */
  static create(runsMax: number): SharedState {
    return new SharedState(new SharedArrayBuffer(8 * (1 + CONSUMERS_MAX + runsMax)));
  }

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#integers = new Int32Array(buffer, 0, INTEGERS);
    this.#settled = new Float64Array(buffer, 8, CONSUMERS_MAX);
    this.#seqs = new Float64Array(buffer, 8 * (1 + CONSUMERS_MAX));
  }

  /** @param consumer by its place among those loaded */
  setSettled(consumer: number, seq: number): void {
    this.#settled[consumer] = seq + 1;
  }

  /** Undefined: it does not run in this process. */
  settled(consumer: number): number | undefined {
    const stored = this.#settled[consumer] ?? 0;
    return stored === 0 ? undefined : stored - 1;
  }

  /** The thread has died, or another process has the lock: nothing is known. */
  forgetSettled(): void {
    this.#settled.fill(0);
  }

  beat(): void {
    Atomics.add(this.#integers, HEARTBEATS, 1);
  }

  get heartbeats(): number {
    return Atomics.load(this.#integers, HEARTBEATS);
  }

  /** The thread's: the next commit is to wake it. What was committed before is seen by a look at the log after this. */
  askForWaking(): void {
    Atomics.store(this.#integers, WANTS_WAKING, 1);
  }

  /** The main thread's. @returns whether to send the message */
  takeWaking(): boolean {
    return Atomics.exchange(this.#integers, WANTS_WAKING, 0) === 1;
  }

  set underWay(seqs: readonly number[]) {
    for (let index = 0; index < this.#seqs.length; index++) this.#seqs[index] = seqs[index] ?? 0;
  }

  get underWay(): number[] {
    return [...this.#seqs].filter((seq) => seq > 0);
  }
}
