/**
 * The events in memory: those with a run in progress, and those that wait for it because they have the same subject, in
 * the order of the log. An event without a subject has a lane of its own, so that it, too, has only one run at a time.
 */

import type { EventKey } from '../engine/run-store.ts';
import type { ReadEvent } from './next-events.ts';
import type { Run } from './run.ts';

interface Lane {
  readonly key: string | number;
  /** Undefined once it has ended, until the next event of the lane starts. */
  run: Run | undefined;
  waiting: ReadEvent[];
}

export class Lanes {
  readonly #lanes = new Map<string | number, Lane>();
  /** Those without a run. Each has events waiting. */
  readonly #ready: Lane[] = [];
  #waitingBytes = 0;

  /** The runs in progress. */
  get runs(): Run[] {
    return [...this.#lanes.values()].flatMap(({ run }) => run ?? []);
  }

  get runCount(): number {
    return this.#lanes.size - this.#ready.length;
  }

  /** The bodies of all events that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** The first event that the position must not pass; Infinity if there is none. */
  get firstSeq(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { run, waiting } of this.#lanes.values()) {
      const event = run?.holdsPosition ? run : waiting[0];
      if (event !== undefined && event.seq < first) first = event.seq;
    }
    return first;
  }

  /** Whether a run for this event can start. */
  isFree(event: EventKey): boolean {
    return !this.#lanes.has(keyOf(event));
  }

  /** Adds a run that starts, of a free lane or of the first ready one. */
  add(run: Run): void {
    const key = keyOf(run);
    const lane = this.#lanes.get(key);
    if (lane === undefined) this.#lanes.set(key, { key, run, waiting: [] });
    else lane.run = run;
  }

  /** Makes an event wait for the earlier ones of its subject. @returns false if there are none in memory */
  wait(read: ReadEvent): boolean {
    const lane = this.#lanes.get(keyOf(read));
    if (lane === undefined) return false;
    lane.waiting.push(read);
    this.#waitingBytes += read.event.body.length;
    return true;
  }

  /** Removes a run that has ended. */
  end(run: Run): void {
    const lane = this.#lanes.get(keyOf(run)) as Lane;
    lane.run = undefined;
    if (lane.waiting.length > 0) this.#ready.push(lane);
    else this.#lanes.delete(lane.key);
  }

  /** The next event of a lane whose run has ended. */
  get firstReady(): ReadEvent | undefined {
    return this.#ready[0]?.waiting[0];
  }

  /** Takes that event. Its run must start. */
  takeReady(): ReadEvent {
    const { waiting } = this.#ready.shift() as Lane;
    const read = waiting.shift() as ReadEvent;
    this.#waitingBytes -= read.event.body.length;
    return read;
  }

  /** Takes that event and all that wait behind it. */
  takeReadyLane(): readonly ReadEvent[] {
    const { key, waiting } = this.#ready.shift() as Lane;
    this.#lanes.delete(key);
    for (const { event } of waiting) this.#waitingBytes -= event.body.length;
    return waiting;
  }

  /** Forgets all events that wait. Runs in progress keep their lanes. */
  clear(): void {
    for (const { key } of this.#ready.splice(0)) this.#lanes.delete(key);
    for (const lane of this.#lanes.values()) lane.waiting = [];
    this.#waitingBytes = 0;
  }
}

/** What must not run twice at a time: a subject, or an event that has none. */
function keyOf({ seq, subject }: EventKey): string | number {
  return subject ?? seq;
}
