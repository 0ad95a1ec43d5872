/** Writes events of the log as lines that `send --file` reads: nothing is left out, and no body is changed. */

import type { Reader } from '../../src/core/engine/reader.ts';
import type { StoredEvent } from '../../src/core/event/recorded-event.ts';
import { IRISX } from '../../src/core/packaging.ts';
import { print } from './output.ts';
import { bodyMember } from './shown-event.ts';

/**
 * Writes the events with `after` < seq < `before`, oldest first, one JSON object per line.
 * @throws Error if an event is missing or cannot be read; all events before it have been written
 */
export async function exportEvents(
  reader: Reader,
  { after, before }: { readonly after: number; readonly before: number },
): Promise<void> {
  const last = Math.min((await reader.head()).seq, before - 1);
  for (let seq = after; seq < last; ) {
    const events = await reader.stored(seq);
    if (events.length === 0) throw damaged(seq + 1);
    for (const event of events) {
      if (event.seq !== seq + 1) throw damaged(seq + 1);
      if (event.seq > last) break;
      await print([JSON.stringify(lineOf(event))]);
      seq = event.seq;
    }
  }
}

function lineOf(event: StoredEvent): object {
  return {
    seq: event.seq,
    received_at: new Date(event.received_at_ms).toISOString(),
    signed_at: new Date(event.signed_at * 1000).toISOString(),
    path: event.path,
    headers: {
      ...(event.event_header !== null && { 'X-IRISX-Event': event.event_header }),
      ...(event.event_id_header !== null && { 'X-IRISX-Event-ID': event.event_id_header }),
    },
    ...bodyMember(event.body),
  };
}

function damaged(seq: number): Error {
  return new Error(`seq ${seq} is missing or cannot be read: the export ends before it; run ${IRISX} verify`);
}
