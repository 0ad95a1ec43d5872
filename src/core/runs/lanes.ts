/**
 * Which subjects have a run under way, and which events wait in memory for these subjects, in order. An event without a
 * subject has a lane of its own, so that it, too, has only one run at a time.
 */

import type { RunKey } from '../engine/run-store.ts';
import type { ReadEvent } from './read-event.ts';

export interface Lane {
  readonly key: string | number;
  readonly waiting: ReadEvent[];
  isAwaited: boolean;
}

export class Lanes {
  readonly #lanes = new Map<string | number, Lane>();
  /** Those without a run under way, whose next event can start. */
  #ready: Lane[] = [];
  #waitingBytes = 0;

  /** The bodies of all events that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** A run of this subject starts. */
  enter(run: RunKey): void {
    const key = keyOf(run);
    if (!this.#lanes.has(key)) this.#lanes.set(key, { key, waiting: [], isAwaited: false });
  }

  /** Makes an event wait if its subject has a run under way or earlier events that wait. @returns whether it waits */
  wait(read: ReadEvent): boolean {
    const lane = this.#lanes.get(keyOf(read));
    lane?.waiting.push(read);
    if (lane !== undefined) this.#waitingBytes += read.event.body.length;
    return lane !== undefined;
  }

  /** Whether a stored run can start. If it cannot, leave() tells when to look for it again. */
  isFree(stored: RunKey): boolean {
    const lane = this.#lanes.get(keyOf(stored));
    if (lane !== undefined) lane.isAwaited = true;
    return lane === undefined;
  }

  /** The run of this subject has ended. @returns whether a stored run could not start because of it */
  leave(run: RunKey): boolean {
    const lane = this.#lanes.get(keyOf(run));
    if (lane === undefined) return false;
    const { isAwaited } = lane;
    lane.isAwaited = false;
    if (lane.waiting.length > 0) this.#ready.push(lane);
    else this.#lanes.delete(lane.key);
    return isAwaited;
  }

  /** A subject whose run has ended and that has events waiting; call `next` or `empty`. */
  takeReady(): Lane | undefined {
    return this.#ready.shift();
  }

  /** Takes the next event of a ready lane. Its run must start. */
  next({ waiting }: Lane): ReadEvent {
    const read = waiting.shift() as ReadEvent;
    this.#waitingBytes -= read.event.body.length;
    return read;
  }

  /** Takes all events of a ready lane, which ends. */
  empty(lane: Lane): readonly ReadEvent[] {
    this.#lanes.delete(lane.key);
    for (const { event } of lane.waiting) this.#waitingBytes -= event.body.length;
    return lane.waiting;
  }

  /** Forgets all events that wait. Runs under way keep their subjects busy. */
  clear(): void {
    for (const { key } of this.#ready) this.#lanes.delete(key);
    for (const { waiting } of this.#lanes.values()) waiting.length = 0;
    this.#ready = [];
    this.#waitingBytes = 0;
  }
}

/** What must not run twice at a time: a subject, or an event that has none. */
function keyOf({ seq, subject }: RunKey): string | number {
  return subject ?? seq;
}
