/**
 * Counts events over time, by family. The counts are kept: the log only grows, so a later page reads only new events.
 * Older events are counted only as far back as some page has needed, for about PAGE_COUNTING_MS per page, and the rest
 * between pages. Until then, their number is computed from the seqs.
 */

import { setImmediate } from 'node:timers/promises';
import type { Reader } from '../core/engine/reader.ts';
import { familyOf, tabledType } from '../core/event/event-types.ts';
import { firstFrom } from '../core/inspect/find-events.ts';
import { PAGE_COUNT_EVENTS, PAGE_COUNTING_MS } from '../core/limits.ts';

export const FAMILIES = ['call', 'sms', 'recording', 'other'] as const;
export type Family = (typeof FAMILIES)[number];

/** The number of events by family; `uncounted` are those whose family is not known yet. */
export type FamilyCounts = Record<Family | 'uncounted', number>;

export interface Bar {
  readonly startMs: number;
  readonly counts: FamilyCounts;
}

/** The time step of the counts that are kept. */
const STEP_MS = 60_000;

export class EventCounts {
  readonly #reader: Pick<Reader, 'head' | 'receivedAtMs' | 'countsByTime'>;
  /** By the start of the time step, as a number of steps since 1970. */
  readonly #byStep = new Map<number, FamilyCounts>();
  /** The events with #from < seq ≤ #to have been counted. */
  #from = 0;
  /** Infinity before the first page. */
  #to = Number.POSITIVE_INFINITY;
  /** All events after this one should be counted. */
  #wanted = 0;
  #pages = 0;
  /** Counting after the last page; rejected if it failed. */
  #background: Promise<void> = Promise.resolve();

  constructor(reader: Pick<Reader, 'head' | 'receivedAtMs' | 'countsByTime'>) {
    this.#reader = reader;
  }

  /**
   * Call it again only when the last call has ended.
   * @param stepMs whole minutes
   * @returns the bars from the one that contains `sinceMs` to the one that contains `untilMs`, including empty ones
   * @throws EngineError, also if counting failed in the background since the last call
   */
  async bars(sinceMs: number, untilMs: number, stepMs: number): Promise<Bar[]> {
    const page = ++this.#pages;
    const background = this.#background;
    this.#background = Promise.resolve();
    await background; // nothing else counts at the same time
    await this.#countNew();
    this.#wanted = Math.min(this.#wanted, (await firstFrom(this.#reader, sinceMs)) - 1);
    const deadlineMs = performance.now() + PAGE_COUNTING_MS;
    await this.#countOlder(() => performance.now() > deadlineMs);
    const bars: Bar[] = [];
    const firstMs = Math.floor(sinceMs / stepMs) * stepMs;
    for (let startMs = firstMs; startMs <= untilMs; startMs += stepMs)
      bars.push({ startMs, counts: noCounts(await this.#uncounted(startMs, startMs + stepMs)) });
    for (const [step, counts] of this.#byStep) {
      const bar = bars[Math.floor((step * STEP_MS - firstMs) / stepMs)];
      if (bar !== undefined) for (const family of FAMILIES) bar.counts[family] += counts[family];
    }
    this.#background = this.#countOlder(() => this.#pages > page);
    this.#background.catch(() => {}); // the next page throws it
    return bars;
  }

  async #countNew(): Promise<void> {
    const { seq: head } = await this.#reader.head();
    if (head < this.#to) {
      // the first page, or the file was restored to an earlier state
      this.#byStep.clear();
      this.#from = this.#to = this.#wanted = head;
    }
    while (this.#to < head) {
      const upTo = Math.min(head, this.#to + PAGE_COUNT_EVENTS);
      await this.#count(this.#to, upTo);
      this.#to = upTo;
    }
  }

  /** Counts back to #wanted, one piece per turn of the event loop, so that a page waits for one at most. */
  async #countOlder(isEnough: () => boolean): Promise<void> {
    while (this.#from > this.#wanted) {
      await setImmediate();
      if (isEnough()) return;
      const after = Math.max(this.#wanted, this.#from - PAGE_COUNT_EVENTS);
      await this.#count(after, this.#from);
      this.#from = after;
    }
  }

  async #count(after: number, upTo: number): Promise<void> {
    for (const { step, type, count } of await this.#reader.countsByTime(after, upTo, STEP_MS)) {
      const counts = this.#byStep.get(step) ?? noCounts();
      counts[familyIn(type)] += count;
      this.#byStep.set(step, counts);
    }
  }

  /** The number of events in this period that are wanted but have not been counted yet. */
  async #uncounted(startMs: number, endMs: number): Promise<number> {
    if (this.#from <= this.#wanted) return 0;
    const first = await firstFrom(this.#reader, startMs);
    const end = await firstFrom(this.#reader, endMs);
    return Math.max(0, Math.min(end, this.#from + 1) - Math.max(first, this.#wanted + 1));
  }
}

function noCounts(uncounted = 0): FamilyCounts {
  return { call: 0, sms: 0, recording: 0, other: 0, uncounted };
}

/** @param type as sent */
export function familyIn(type: string | null): Family {
  const family = type === null ? '' : familyOf(tabledType(type) ?? type);
  return FAMILIES.find((name) => name === family) ?? 'other';
}
