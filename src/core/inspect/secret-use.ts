/** Finds when each of several secrets was last used: this shows when an old one can be removed. */

import type { Reader } from '../engine/reader.ts';
import type { StoredEvent } from '../event/recorded-event.ts';
import { signerOf } from '../event/signature.ts';
import { SECRET_USE_EVENTS_MAX } from '../limits.ts';

/** The newest event that a secret signed. */
interface LastUse {
  readonly seq: number;
  readonly receivedAtMs: number;
}

/**
 * Reads the log backwards until a use of each secret is found.
 * @throws EngineError if the log cannot be read
 */
export async function secretUse(reader: Pick<Reader, 'head' | 'stored'>, secrets: readonly string[]) {
  const lastUses: (LastUse | undefined)[] = secrets.map(() => undefined);
  const { seq: head } = await reader.head();
  const end = Math.max(0, head - SECRET_USE_EVENTS_MAX);
  let seq = head;
  for (; seq > end && lastUses.includes(undefined); seq--) {
    const [event] = await reader.stored(seq - 1, 1);
    if (event?.seq !== seq) continue;
    const signer = signerOfEvent(event, secrets);
    if (signer >= 0) lastUses[signer] ??= { seq, receivedAtMs: event.received_at_ms };
  }
  return {
    /** In the order of the secrets; undefined if a secret signed none of the events that were read. */
    lastUses,
    /** How many of the newest events were read, at most SECRET_USE_EVENTS_MAX. */
    eventsRead: head - seq,
  };
}

/** @returns the index of the secret that signed the event; -1 if none of them did */
export function signerOfEvent(event: StoredEvent, secrets: readonly string[]): number {
  const signature = Buffer.from(event.signature ?? []).toString('hex');
  return signerOf(event.body, signature, String(event.signed_at), secrets);
}

/** One line for the log, without any part of a secret. */
export function secretUseText({ lastUses, eventsRead }: Awaited<ReturnType<typeof secretUse>>): string {
  if (eventsRead === 0) return `${lastUses.length} secrets; the log is empty`;
  const nothing =
    eventsRead === 1 ? 'not the only event' : `none of the last ${eventsRead.toLocaleString('en-US')} events`;
  const texts = lastUses.map((use, index) => {
    if (use !== undefined)
      return `secret ${index + 1} last signed seq ${use.seq} (${minuteOf(use.receivedAtMs)} UTC)`;
    // The first is usually the newest: the sender may not use it yet.
    const hint = index === 0 ? '' : ': if it is the old one, it can be removed';
    return `secret ${index + 1} signed ${nothing}${hint}`;
  });
  return `${lastUses.length} secrets: ${texts.join('; ')}`;
}

/** `2026-01-05 09:00` */
function minuteOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 'YYYY-MM-DDThh:mm'.length).replace('T', ' ');
}
