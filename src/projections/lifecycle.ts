/**
 * The life of a call, a message or a recording: what each event type means for its status and milestones.
 * Status follows from the event type alone and moves by rank; a milestone is the earliest time that its own
 * event type states.
 */

import type { Event } from '../core/event.ts';
import type { TabledType } from '../core/event-types.ts';
import { earliest, statusWins } from './settle.ts';

/** What an event type means. */
export interface Meaning<Milestone extends string> {
  readonly status: string;
  /** A higher rank always wins; among equals the latest event, then the greater status. */
  readonly rank: number;
  /** The column that gets the event's time. */
  readonly milestone: Milestone;
  /** The field that states that time, where there is one; else, and where it is not stated, the event's own. */
  readonly field?: string;
}

/** The columns that every row with a life has. */
export interface LifeColumns {
  status: string;
  status_at_ms: number;
  event_count: number;
  first_seq: number;
  last_seq: number;
}

export const LIFE_COLUMN_TYPES = {
  event_count: 'INTEGER NOT NULL',
  first_seq: 'INTEGER NOT NULL',
  last_seq: 'INTEGER NOT NULL',
  status_at_ms: 'INTEGER NOT NULL',
} as const;

export interface Lifecycle<Milestone extends string> {
  /** Whether this event belongs to the table at all. */
  covers(event: Event): boolean;
  /** The life columns of a row before its first event has been applied. */
  begin(event: Event): LifeColumns;
  /** Applies an event to `row`, which the caller owns. @throws FieldError if the milestone's field is no time */
  advance(row: LifeColumns & { [column in Milestone]: number | null }, event: Event): void;
}

/** @param meanings for each event type that feeds the table */
export function createLifecycle<Milestone extends string>(
  meanings: { readonly [type in TabledType]?: Meaning<Milestone> },
): Lifecycle<Milestone> {
  const byType = new Map(Object.entries(meanings) as [string, Meaning<Milestone>][]);
  const ranks = new Map([...byType.values()].map(({ status, rank }) => [status, rank]));

  function meaningOf(event: Event): Meaning<Milestone> {
    const meaning = byType.get(event.tabled ?? '');
    if (meaning === undefined) throw new Error(`${event.type} has no meaning here`);
    return meaning;
  }

  return {
    covers: (event) => byType.has(event.tabled ?? ''),

    begin(event) {
      const { status } = meaningOf(event);
      return {
        status,
        status_at_ms: event.occurredAtMs,
        event_count: 0,
        first_seq: event.seq,
        last_seq: event.seq,
      };
    },

    advance(row, event) {
      const meaning = meaningOf(event);
      const statedMs = meaning.field === undefined ? undefined : event.fields.timeMs(meaning.field);
      const columns: { [column in Milestone]: number | null } = row;
      columns[meaning.milestone] = earliest(row[meaning.milestone], statedMs ?? event.occurredAtMs);

      const held = { status: row.status, rank: ranks.get(row.status) ?? 0 };
      if (statusWins(meaning, event.occurredAtMs, held, row.status_at_ms)) {
        row.status = meaning.status;
        row.status_at_ms = event.occurredAtMs;
      }
      row.event_count += 1;
      row.first_seq = Math.min(row.first_seq, event.seq);
      row.last_seq = Math.max(row.last_seq, event.seq);
    },
  };
}
