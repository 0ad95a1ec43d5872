/**
 * Counts events over time, by family. The counts are kept: the log only grows, so a later page reads only new events.
 * It counts back only as far as some page has needed, and for at most about TALLY_PAGE_MS per page. The rest is counted
 * between pages; until then its total is computed from the seqs.
 */

import { familyOf, tabledType } from '../core/event/event-types.ts';
import type { EventTimes } from '../engines/sqlite/log/event-times.ts';

export const FAMILIES = ['call', 'sms', 'recording', 'other'] as const;
export type Family = (typeof FAMILIES)[number];

/** By family, in the order of FAMILIES. */
export type FamilyCounts = readonly number[];

/** How long a page may wait while older events are counted. */
const TALLY_PAGE_MS = 25;

export interface Bar {
  readonly startMs: number;
  readonly counts: FamilyCounts;
  /** Events whose family is not known yet. */
  readonly uncounted: number;
}

/** The smallest time step. */
export const TALLY_STEP_MS = 60_000;
/** Events per query: a reader blocks the WAL no longer than one query takes. */
const EVENTS_AT_ONCE = 5_000;

export class Tally {
  readonly #times: EventTimes;
  /** By the start of the time step, as a number of steps since 1970. */
  readonly #counts = new Map<number, number[]>();
  /** The events with #from < seq ≤ #to have been counted. */
  #from: number;
  #to: number;
  /** All events after this one should be counted. */
  #wanted: number;
  #later: NodeJS.Immediate | undefined;

  constructor(times: EventTimes) {
    this.#times = times;
    this.#from = times.headSeq();
    this.#to = this.#from;
    this.#wanted = this.#from;
  }

  /**
   * @param stepMs a multiple of TALLY_STEP_MS
   * @returns the bars from the one that contains `sinceMs` to the one that contains `untilMs`, including empty ones
   */
  bars(sinceMs: number, untilMs: number, stepMs: number): Bar[] {
    this.#countNew();
    this.#wanted = Math.min(this.#wanted, this.#times.firstFrom(sinceMs) - 1);
    this.#countBack(TALLY_PAGE_MS);
    const bars: { startMs: number; counts: number[]; uncounted: number }[] = [];
    const firstMs = Math.floor(sinceMs / stepMs) * stepMs;
    for (let startMs = firstMs; startMs <= untilMs; startMs += stepMs)
      bars.push({
        startMs,
        counts: FAMILIES.map(() => 0),
        uncounted: this.#uncounted(startMs, startMs + stepMs),
      });
    for (const [step, counts] of this.#counts) {
      const bar = bars[Math.floor((step * TALLY_STEP_MS - firstMs) / stepMs)];
      if (bar === undefined) continue;
      for (const [family, count] of counts.entries()) bar.counts[family] = (bar.counts[family] ?? 0) + count;
    }
    return bars;
  }

  /** The number of events in this period that have not been counted yet. */
  #uncounted(startMs: number, endMs: number): number {
    if (this.#from <= this.#wanted) return 0;
    const [first, end] = [this.#times.firstFrom(startMs), this.#times.firstFrom(endMs)];
    return Math.max(0, Math.min(end, this.#from + 1) - Math.max(first, this.#wanted + 1));
  }

  #countNew(): void {
    const head = this.#times.headSeq();
    if (head < this.#to) this.#begin(head); // the file was restored to an earlier state
    while (this.#to < head) {
      const upTo = Math.min(head, this.#to + EVENTS_AT_ONCE);
      this.#count(this.#to, upTo);
      this.#to = upTo;
    }
  }

  /** Counts back to #wanted: at least one piece, then more for up to `ms`. The rest is counted later, in pieces. */
  #countBack(ms: number): void {
    const untilMs = performance.now() + ms;
    while (this.#from > this.#wanted) {
      const after = Math.max(this.#wanted, this.#from - EVENTS_AT_ONCE);
      this.#count(after, this.#from);
      this.#from = after;
      if (performance.now() > untilMs) break;
    }
    if (this.#from <= this.#wanted) return;
    this.#later ??= setImmediate(() => {
      this.#later = undefined;
      this.#countBack(0);
    });
  }

  #count(after: number, upTo: number): void {
    for (const { step, type, count } of this.#times.counts(after, upTo, TALLY_STEP_MS)) {
      let counts = this.#counts.get(step);
      if (counts === undefined) {
        counts = FAMILIES.map(() => 0);
        this.#counts.set(step, counts);
      }
      const family = FAMILIES.indexOf(familyIn(type));
      counts[family] = (counts[family] ?? 0) + count;
    }
  }

  #begin(head: number): void {
    this.#counts.clear();
    this.#from = head;
    this.#to = head;
    this.#wanted = head;
  }
}

/** @param type as sent */
export function familyIn(type: string | null): Family {
  const family = type === null ? '' : familyOf(tabledType(type) ?? type);
  return FAMILIES.find((name) => name === family) ?? 'other';
}
