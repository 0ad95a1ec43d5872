/**
 * The main thread's side of the writer, with group commit. While one batch commits, the next one
 * collects deliveries; there is no timer. If many wait, a batch takes half of them, and another one is sent before the
 * first is committed, so both threads always have work. `append` resolves after the fsync, never before.
 */

import type { Delivery, Outcome, Refused } from '../event/delivery.ts';
import type { Head } from '../event/recorded-event.ts';
import {
  BATCH_AHEAD_DELIVERIES_MIN,
  BATCH_BYTES_MAX,
  BATCH_DELIVERIES_MAX,
  BATCHES_IN_FLIGHT_MAX,
  QUEUE_DELIVERIES_MAX,
} from '../limits.ts';
import type { Log } from '../logger.ts';
import type { Thread, ThreadEvents } from '../thread.ts';
import {
  type FromWriter,
  PASSING_FAULTS,
  type PassingFault,
  packBatch,
  type ToWriter,
  unpackOutcomes,
} from './writer-messages.ts';

/** `failing`: storage is busy or full and is retried every second. `lost`: the process must exit. */
export type StorageState = 'ok' | 'failing' | 'lost';

interface Waiting {
  readonly delivery: Delivery;
  readonly resolve: (outcome: Outcome) => void;
}

export interface WriterEvents {
  /** The storage is lost: send the answers and exit without closing the database. */
  onLost(text: string): void;
  /** A batch is committed and can be read. @param deliveries how many of them are in the log @param ms its duration */
  onCommitted(deliveries: number, ms: number): void;
  /** The set of projections that lack events has changed; empty if all are complete. */
  onLagging(lagging: readonly string[]): void;
}

export class Writer {
  readonly #thread: Thread<ToWriter>;
  readonly #log: Log;
  readonly #events: WriterEvents;
  /** At most QUEUE_DELIVERIES_MAX that wait for a batch; their bytes are limited where bodies are read. */
  readonly #queue: Waiting[] = [];
  /** The batches in the thread, in order; at most BATCHES_IN_FLIGHT_MAX. */
  readonly #inFlight: Waiting[][] = [];
  #storage: StorageState = 'ok';
  #lagging: readonly string[] = [];
  #head: Head = { seq: 0, chain: new Uint8Array() };
  #lastSeq = 0;
  /** The result of close(); undefined if it has not been called. */
  #closing: PromiseWithResolvers<Head> | undefined;
  /** Shared with the thread, which sees it even while other messages are queued. */
  readonly #isDraining = new Int32Array(new SharedArrayBuffer(4));
  /** While the thread has the database open, its end is a fault. */
  #isOpen = false;

  private constructor(thread: Thread<ToWriter>, log: Log, events: WriterEvents) {
    this.#thread = thread;
    this.#log = log;
    this.#events = events;
  }

  /**
   * @param startThread starts a thread that executes serveBatches()
   * @returns when the database is open
   * @throws Error whose message is one line for the operator, if the database cannot be used
   */
  static async open(
    startThread: (events: ThreadEvents<FromWriter>) => Thread<ToWriter>,
    log: Log,
    events: WriterEvents,
  ): Promise<Writer> {
    const opening = Promise.withResolvers<Writer>();
    const thread = startThread({
      onMessage(message) {
        if (message.kind === 'cannot-open') return opening.reject(new Error(message.text));
        writer.#receive(message);
        opening.resolve(writer);
      },
      onEnd(error, code) {
        const text = `the writer thread ${error === undefined ? `ended with code ${code}` : `failed: ${error}`}`;
        opening.reject(new Error(text));
        if (writer.#isOpen) writer.#lose(text);
      },
    });
    const writer = new Writer(thread, log, events);
    return opening.promise;
  }

  /** The log's last event when the database was opened. */
  get head(): Head {
    return this.#head;
  }

  /** The last event of the log, as far as known from this process's commits. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  get storage(): StorageState {
    return this.#storage;
  }

  /** Projections whose table lacks events. */
  get lagging(): readonly string[] {
    return this.#lagging;
  }

  /** Deliveries that wait for a batch or are in one. */
  get pending(): number {
    return this.#inFlight.reduce((sum, batch) => sum + batch.length, this.#queue.length);
  }

  /**
   * Appends a verified delivery.
   * @returns `recorded` after its fsync; `refused` if it is not, or not known to be, in the log. Never rejects.
   */
  append(delivery: Delivery): Promise<Outcome> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.resolve(refusal);
    return new Promise((resolve) => {
      this.#queue.push({ delivery, resolve });
      this.#sendBatches();
    });
  }

  /** Makes the writer check the tables again, by sending an empty batch, and report `lagging` again. */
  refresh(): void {
    if (this.#inFlight.length === 0 && this.#storage !== 'lost' && this.#closing === undefined)
      this.#sendBatch(0);
  }

  /** Prepares for close(): deliveries are still accepted, but the wait for another process's lock becomes short. */
  drain(): void {
    Atomics.store(this.#isDraining, 0, 1);
    if (this.#storage !== 'lost') this.#thread.send({ kind: 'drain' });
  }

  /**
   * Writes all queued deliveries, checkpoints and closes the database. Later appends are refused.
   * @returns the final head of the log
   * @throws Error if the file is lost: there is no clean shutdown then, and onLost() ends the process
   */
  close(): Promise<Head> {
    if (this.#closing !== undefined) return this.#closing.promise;
    this.#closing = Promise.withResolvers();
    if (this.#storage === 'lost') this.#closing.reject(lostError());
    else if (this.#inFlight.length === 0) this.#thread.send({ kind: 'close' });
    return this.#closing.promise;
  }

  #refusal(): Refused | undefined {
    if (this.#storage === 'lost') return { kind: 'refused', reason: 'storage_failed' };
    if (this.#closing !== undefined) return { kind: 'refused', reason: 'shutting_down' };
    return this.#queue.length < QUEUE_DELIVERIES_MAX ? undefined : { kind: 'refused', reason: 'queue_full' };
  }

  #sendBatches(): void {
    while (this.#queue.length > 0 && this.#inFlight.length < BATCHES_IN_FLIGHT_MAX) {
      const half = Math.max(BATCH_AHEAD_DELIVERIES_MIN, Math.ceil(this.pending / 2));
      if (this.#inFlight.length > 0 && this.#queue.length < half) return;
      this.#sendBatch(Math.min(BATCH_DELIVERIES_MAX, half));
    }
  }

  /** Sends the first deliveries: at most `most`, and at most BATCH_BYTES_MAX of bodies or one larger body. */
  #sendBatch(most: number): void {
    let count = 0;
    let bytes = 0;
    for (const { delivery } of this.#queue) {
      bytes += delivery.body.byteLength;
      if (count === most || (count > 0 && bytes > BATCH_BYTES_MAX)) break;
      count++;
    }
    const batch = this.#queue.splice(0, count);
    this.#inFlight.push(batch);
    const packed = packBatch(batch.map((waiting) => waiting.delivery));
    const message: ToWriter = { kind: 'batch', batch: packed, isDraining: this.#isDraining };
    this.#thread.send(message, [packed.bodies.buffer as ArrayBuffer]);
  }

  #receive(message: FromWriter): void {
    switch (message.kind) {
      case 'ready':
        this.#isOpen = true;
        this.#head = message.head;
        this.#lastSeq = message.head.seq;
        this.#setLagging(message.lagging);
        return;
      case 'lagging':
        return this.#setLagging(message.lagging);
      case 'answered':
        if (message.lagging !== undefined) this.#setLagging(message.lagging);
        return this.#answered(unpackOutcomes(message.outcomes), message.ms);
      case 'failing':
        return this.#failing(message.fault, message.text);
      case 'recovered':
        if (this.#storage === 'failing') this.#log('info', 'storage works again: deliveries are accepted');
        this.#storage = 'ok';
        return;
      case 'log':
        return this.#log(message.level, message.text);
      case 'lost':
        return this.#lose(message.text);
      case 'closed':
        this.#head = message.head;
        this.#isOpen = false;
        this.#closing?.resolve(message.head);
        return;
    }
  }

  /** Answers the first batch in flight and sends the next one. */
  #answered(outcomes: readonly Outcome[], ms: number): void {
    let recorded = 0;
    for (const outcome of outcomes) {
      if (outcome.kind === 'refused') continue;
      recorded += 1;
      if (outcome.seq > this.#lastSeq) this.#lastSeq = outcome.seq;
    }
    if (recorded > 0) this.#events.onCommitted(recorded, ms);
    const answered = this.#inFlight.shift() ?? [];
    this.#sendBatches();
    if (this.#inFlight.length === 0 && this.#closing !== undefined) this.#thread.send({ kind: 'close' });
    for (const [index, { resolve }] of answered.entries())
      resolve(outcomes[index] ?? { kind: 'refused', reason: 'storage_failed' });
  }

  #failing(fault: PassingFault, text: string): void {
    const { hint } = PASSING_FAULTS[fault];
    if (this.#storage === 'ok')
      this.#log('error', `deliveries are refused with 503: ${text}; ${hint}; retrying every second`);
    this.#storage = 'failing';
    // A single wait for a lock could use up the remaining time.
    if (this.#isDraining[0] === 1 && fault === 'busy')
      for (const { resolve } of this.#queue.splice(0)) resolve({ kind: 'refused', reason: 'storage_busy' });
  }

  #lose(text: string): void {
    if (this.#storage === 'lost') return;
    this.#storage = 'lost';
    for (const { resolve } of [...this.#inFlight.splice(0).flat(), ...this.#queue.splice(0)])
      resolve({ kind: 'refused', reason: 'storage_failed' });
    this.#closing?.reject(lostError());
    this.#events.onLost(text);
  }

  #setLagging(lagging: readonly string[]): void {
    if (lagging.join() === this.#lagging.join()) return;
    this.#lagging = lagging;
    this.#events.onLagging(lagging);
  }
}

function lostError(): Error {
  return new Error('the database was lost: the outcome of the last commit is unknown');
}
