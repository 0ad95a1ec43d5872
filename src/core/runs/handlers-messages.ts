/** Messages and shared memory between the main thread and the handlers' thread. */

import type { LogLevel } from '../logger.ts';

export type ToHandlers =
  /** The log can be opened. */
  | { readonly kind: 'start' }
  /** Something was committed; sent only if the thread has asked for it. */
  | { readonly kind: 'wake' }
  | { readonly kind: 'close' };

export type FromHandlers =
  /** `consumers`: empty if no handler does anything and forwarding is off. `types`: the event types that have a handler. */
  | { readonly kind: 'loaded'; readonly consumers: readonly string[]; readonly types: readonly string[] }
  /** The handlers cannot be used; `text` is for the operator. */
  | { readonly kind: 'refused'; readonly text: string }
  /** The thread runs the handlers from now on, or waits until the process that runs them has ended. */
  | { readonly kind: 'started' }
  /** Handlers are waiting for tables that this process's writer may have to bring up to date. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly text: string }
  /** The thread ends after an error outside of any run. `inUserCode`: as far as known. */
  | { readonly kind: 'died'; readonly text: string; readonly inUserCode: boolean };

/** The death of a handlers' thread. */
export interface Death {
  /** The events whose run was in progress; empty if the user's code is not the cause. */
  readonly seqs: readonly number[];
  readonly reason: string;
}

const INTEGERS = 2;
const HEARTBEATS = 0;
const WANTS_WAKING = 1;
/** Handlers and forwarding. */
const CONSUMERS_MAX = 2;

/** Memory that outlives the thread: its heartbeat, the positions of its consumers, and the runs in progress when it died. */
export class SharedState {
  readonly buffer: SharedArrayBuffer;
  readonly #integers: Int32Array;
  readonly #positions: Float64Array;
  readonly #seqs: Float64Array;

  /** @param runsMax the `runsMax` of the consumer that runs the user's code */
  static create(runsMax: number): SharedState {
    return new SharedState(new SharedArrayBuffer(8 * (1 + CONSUMERS_MAX + runsMax)));
  }

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#integers = new Int32Array(buffer, 0, INTEGERS);
    this.#positions = new Float64Array(buffer, 8, CONSUMERS_MAX);
    this.#seqs = new Float64Array(buffer, 8 * (1 + CONSUMERS_MAX));
  }

  /** @param consumer its index among the loaded consumers */
  setPosition(consumer: number, seq: number): void {
    this.#positions[consumer] = seq + 1;
  }

  /** Undefined if the consumer does not run in this process. */
  position(consumer: number): number | undefined {
    const stored = this.#positions[consumer] ?? 0;
    return stored === 0 ? undefined : stored - 1;
  }

  /** Call it when the thread has died or another process has the lock: the positions are unknown then. */
  forgetPositions(): void {
    this.#positions.fill(0);
  }

  beat(): void {
    Atomics.add(this.#integers, HEARTBEATS, 1);
  }

  get heartbeats(): number {
    return Atomics.load(this.#integers, HEARTBEATS);
  }

  /** For the thread: asks to be woken by the next commit. Read the log after this, to see earlier commits. */
  askForWaking(): void {
    Atomics.store(this.#integers, WANTS_WAKING, 1);
  }

  /** For the main thread. @returns whether to send the message */
  takeWaking(): boolean {
    return Atomics.exchange(this.#integers, WANTS_WAKING, 0) === 1;
  }

  set underWay(seqs: readonly number[]) {
    for (let index = 0; index < this.#seqs.length; index++) this.#seqs[index] = seqs[index] ?? 0;
  }

  get underWay(): number[] {
    return [...this.#seqs].filter((seq) => seq > 0).sort((a, b) => a - b);
  }
}
