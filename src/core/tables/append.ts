/**
 * What a batch adds to the log: computed from its deliveries, the log's head and the events that the log has already.
 * Pure. `seq` has no gaps, because the head is read after the log was locked.
 */

import { chainLink } from '../event/chain.ts';
import type { Recorded } from '../event/delivery.ts';
import { type Failure, failureText, type Head, type StoredEvent } from '../event/recorded-event.ts';
import type { FoldingEvent } from './fold.ts';
import type { PreparedDelivery } from './prepare.ts';

/** The first recording of a body that is received again. */
export interface KnownEvent extends Pick<StoredEvent, 'seq' | 'type' | 'event_header'> {
  /** What `failures` records for it. */
  readonly errors: readonly string[];
}

/** A new event and what it means for the tables. */
export interface AppendedEvent extends FoldingEvent {
  readonly stored: StoredEvent;
}

export interface Appending {
  /** In order of seq. */
  readonly events: readonly AppendedEvent[];
  /** The log's head after them. */
  readonly head: Head;
  /** The outcome of each delivery. @param failures of the new events */
  readonly outcomes: (failures: readonly Failure[]) => Recorded[];
}

/**
 * @param head the log's last event
 * @param known by index of the batch: the event with the same body, undefined if the log has none
 */
export function append(
  batch: readonly PreparedDelivery[],
  head: Head,
  known: readonly (KnownEvent | undefined)[],
): Appending {
  const events: AppendedEvent[] = [];
  /** By digest: two deliveries of one batch may have the same body. */
  const firsts = new Map<string, StoredEvent>();
  let last = head;
  const recordings = batch.map((prepared, index) => {
    const digest = prepared.bodySha256.toString('latin1');
    const first = known[index] ?? firsts.get(digest);
    if (first !== undefined) return { prepared, first, duplicate: true };
    const stored = eventOf(prepared, last);
    last = stored;
    events.push({ seq: stored.seq, stored, prepared: prepared.event });
    firsts.set(digest, stored);
    return { prepared, first: stored, duplicate: false };
  });
  return {
    events,
    head: { seq: last.seq, chain: last.chain },
    outcomes(failures) {
      const bySeq = Map.groupBy(failures, ({ seq }) => seq);
      const errorsOf = (seq: number) => bySeq.get(seq)?.map(({ error }) => error) ?? [];
      return recordings.map(({ prepared, first, duplicate }) => ({
        kind: 'recorded',
        seq: first.seq,
        duplicate,
        type: first.type,
        error: failureText('errors' in first ? first.errors : errorsOf(first.seq)),
        otherEventHeader: duplicate && first.event_header !== prepared.delivery.eventHeader,
      }));
    },
  };
}

/** @param previous the event before it */
function eventOf(
  { delivery, bodySha256, bodyTimeMs, type, eventId }: PreparedDelivery,
  previous: Head,
): StoredEvent {
  const event = {
    seq: previous.seq + 1,
    body_time_ms: bodyTimeMs,
    body_sha256: bodySha256,
    body: delivery.body,
    type,
    event_id: eventId,
    path: delivery.path,
    signature: delivery.signature === null ? null : Buffer.from(delivery.signature, 'hex'),
    signed_at: delivery.signedAt,
    received_at_ms: delivery.receivedAtMs,
    event_header: delivery.eventHeader,
    event_id_header: delivery.eventIdHeader,
    chain: previous.chain,
  };
  event.chain = chainLink(previous.chain, event);
  return event;
}
