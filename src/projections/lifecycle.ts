/**
 * The lifecycle of a call, a message or a recording: how each event type affects its status and milestones.
 * Each event type has a fixed status, and its rank decides which status wins. A milestone is the earliest time stated
 * by its own event type.
 */

import type { Event, EventContent } from '../core/event/event.ts';
import type { TabledType } from '../core/event/event-types.ts';
import { earliest, statusWins } from './settle.ts';

/** The effect of an event type. */
export interface Meaning<Milestone extends string> {
  readonly status: string;
  /** A higher rank always wins. With equal ranks, the latest event wins, then the greater status text. */
  readonly rank: number;
  /** The column that gets the event's time. */
  readonly milestone: Milestone;
  /** The field with that time, if any. If it is missing, the event's own time is used. */
  readonly field?: string;
}

/** The columns of every row with a lifecycle. */
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
  /** Whether this event belongs to the table. */
  covers(event: EventContent): boolean;
  /** The lifecycle columns of a new row, before its first event is applied. */
  begin(event: Event): LifeColumns;
  /** Applies an event to `row`, which it changes. @throws FieldError if the milestone's field is not a valid time */
  advance(row: LifeColumns & { [column in Milestone]: number | null }, event: Event): void;
}

/** @param meanings one for each event type of the table */
export function createLifecycle<Milestone extends string>(
  meanings: { readonly [type in TabledType]?: Meaning<Milestone> },
): Lifecycle<Milestone> {
  const byType = new Map(Object.entries(meanings) as [string, Meaning<Milestone>][]);
  const ranks = new Map([...byType.values()].map(({ status, rank }) => [status, rank]));

  function meaningOf(event: EventContent): Meaning<Milestone> {
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
