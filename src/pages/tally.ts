/**
 * Counts events over time, by family. The counts are kept: the log only grows, so a later page reads only new events.
 * It counts back only as far as some page has needed, and for at most about TALLY_PAGE_MS per page. The rest is counted
 * between pages; until then its total is computed from the seqs.
 */

import type { Reader, TimeCount } from '../core/engine/reader.ts';
import { familyOf, tabledType } from '../core/event/event-types.ts';
import { firstFrom } from '../core/inspect/event-times.ts';

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
  readonly #reader: Pick<Reader, 'head' | 'receivedAtMs' | 'countsByTime'>;
  /** By the start of the time step, as a number of steps since 1970. */
  readonly #counts = new Map<number, number[]>();
  /** The events with #from < seq ≤ #to have been counted. */
  #from = 0;
  /** Infinity before the first page. */
  #to = Number.POSITIVE_INFINITY;
  /** All events after this one should be counted. */
  #wanted = 0;
  /** The start of the next piece in the background. */
  #later: NodeJS.Immediate | undefined;
  /** The last piece in the background; rejected if it failed. */
  #background: Promise<void> = Promise.resolve();

  constructor(reader: Pick<Reader, 'head' | 'receivedAtMs' | 'countsByTime'>) {
    this.#reader = reader;
  }

  /**
   * Call it again only when the last call has ended.
   * @param stepMs a multiple of TALLY_STEP_MS
   * @returns the bars from the one that contains `sinceMs` to the one that contains `untilMs`, including empty ones
   * @throws EngineError, also if counting failed in the background since the last call
   */
  async bars(sinceMs: number, untilMs: number, stepMs: number): Promise<Bar[]> {
    await this.#stopBackground();
    await this.#countNew();
    this.#wanted = Math.min(this.#wanted, (await firstFrom(this.#reader, sinceMs)) - 1);
    await this.#countBack(TALLY_PAGE_MS);
    const bars: { startMs: number; counts: number[]; uncounted: number }[] = [];
    const firstMs = Math.floor(sinceMs / stepMs) * stepMs;
    for (let startMs = firstMs; startMs <= untilMs; startMs += stepMs)
      bars.push({
        startMs,
        counts: FAMILIES.map(() => 0),
        uncounted: await this.#uncounted(startMs, startMs + stepMs),
      });
    for (const [step, counts] of this.#counts) {
      const bar = bars[Math.floor((step * TALLY_STEP_MS - firstMs) / stepMs)];
      if (bar === undefined) continue;
      for (const [family, count] of counts.entries()) bar.counts[family] = (bar.counts[family] ?? 0) + count;
    }
    this.#goOnInBackground();
    return bars;
  }

  /** The number of events in this period that have not been counted yet. */
  async #uncounted(startMs: number, endMs: number): Promise<number> {
    if (this.#from <= this.#wanted) return 0;
    const first = await firstFrom(this.#reader, startMs);
    const end = await firstFrom(this.#reader, endMs);
    return Math.max(0, Math.min(end, this.#from + 1) - Math.max(first, this.#wanted + 1));
  }

  async #countNew(): Promise<void> {
    const { seq: head } = await this.#reader.head();
    if (head < this.#to) this.#begin(head); // the first page, or the file was restored to an earlier state
    while (this.#to < head) {
      const upTo = Math.min(head, this.#to + EVENTS_AT_ONCE);
      this.#add(await this.#reader.countsByTime(this.#to, upTo, TALLY_STEP_MS));
      this.#to = upTo;
    }
  }

  /** Counts back to #wanted: at least one piece, if there is any, then more for up to `ms`. */
  async #countBack(ms: number): Promise<void> {
    const untilMs = performance.now() + ms;
    while (this.#from > this.#wanted) {
      const after = Math.max(this.#wanted, this.#from - EVENTS_AT_ONCE);
      this.#add(await this.#reader.countsByTime(after, this.#from, TALLY_STEP_MS));
      this.#from = after;
      if (performance.now() > untilMs) break;
    }
  }

  /** Counts the rest back to #wanted, one piece per turn of the event loop, so that a page waits for one at most. */
  #goOnInBackground(): void {
    if (this.#from <= this.#wanted) return;
    this.#later = setImmediate(() => {
      this.#background = this.#countBack(0).then(() => this.#goOnInBackground());
      this.#background.catch(() => {}); // thrown by #stopBackground()
    });
  }

  /** Waits for the piece that is being counted, so that nothing else counts at the same time. */
  async #stopBackground(): Promise<void> {
    const last = this.#background;
    this.#background = Promise.resolve();
    try {
      await last;
    } finally {
      clearImmediate(this.#later);
    }
  }

  #add(found: readonly TimeCount[]): void {
    for (const { step, type, count } of found) {
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
