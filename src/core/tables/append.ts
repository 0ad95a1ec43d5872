/**
 * What a batch adds to the log: computed from its deliveries, the log's head and the events that the log has already.
 * Pure. `seq` has no gaps, because the head is read after the log was locked.
 */

import { chainLink } from '../event/chain.ts';
import type { Recorded } from '../event/delivery.ts';
import { type Failure, type Head, type StoredEvent, verdictOf } from '../event/recorded-event.ts';
import type { FoldingEvent } from './fold.ts';
import type { PreparedDelivery } from './prepare.ts';

/** The first recording of a body that is received again. */
export interface KnownEvent extends Pick<StoredEvent, 'seq' | 'type' | 'event_header'> {
  /** What `failures` records for it. */
  readonly failures: readonly Failure[];
}

/** A new event and what it means for the tables. */
export interface AppendedEvent extends FoldingEvent {
  readonly stored: StoredEvent;
}

/**
 * @param head the log's last event
 * @param known by index of the batch: the event with the same body, undefined if the log has none
 */
export function append(
  batch: readonly PreparedDelivery[],
  head: Head,
  known: readonly (KnownEvent | undefined)[],
) {
  const events: AppendedEvent[] = [];
  /** By digest: two deliveries of one batch may have the same body. */
  const firsts = new Map<string, StoredEvent>();
  let last = head;
  const recordings = batch.map(({ columns, event }, index) => {
    const { event_header } = columns;
    const digest = columns.body_sha256.toString('latin1');
    const first = known[index] ?? firsts.get(digest);
    if (first !== undefined) return { first, duplicate: true, event_header };
    const stored = { ...columns, seq: last.seq + 1, chain: last.chain };
    stored.chain = chainLink(last.chain, stored);
    last = stored;
    events.push({ seq: stored.seq, stored, prepared: event });
    firsts.set(digest, stored);
    return { first: stored, duplicate: false, event_header };
  });
  return {
    /** In order of seq. */
    events,
    /** The log's head after them. */
    head: { seq: last.seq, chain: last.chain },
    /** The outcome of each delivery. @param failures of the new events */
    outcomes(failures: readonly Failure[]): Recorded[] {
      const bySeq = Map.groupBy(failures, ({ seq }) => seq);
      const failuresOf = (first: KnownEvent | StoredEvent) =>
        'failures' in first ? first.failures : (bySeq.get(first.seq) ?? []);
      return recordings.map(({ first, duplicate, event_header }) => ({
        kind: 'recorded',
        seq: first.seq,
        duplicate,
        type: first.type,
        ...verdictOf(failuresOf(first)),
        otherEventHeader: duplicate && first.event_header !== event_header,
      }));
    },
  };
}
