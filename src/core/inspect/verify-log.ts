/**
 * Checks the log for consistency: `seq`, body, time, chain and signature of every event up to the head, while the
 * server keeps running. Any problem with the log is returned as a value, not thrown.
 */

import { createHash } from 'node:crypto';
import type { OnProgress } from '../engine/engine.ts';
import type { Reader } from '../engine/reader.ts';
import { engineFault, errorText } from '../engine-error.ts';
import { bodyTimeMs } from '../event/body-time.ts';
import { CHAIN_GENESIS, chainLink } from '../event/chain.ts';
import { readBody } from '../event/event.ts';
import type { Head, StoredEvent } from '../event/recorded-event.ts';
import { signerOf } from '../event/signature.ts';

/** Events that break a rule. */
export interface Fault {
  readonly count: number;
  readonly firstSeq: number;
  /** Reason for the first faulty event. */
  readonly reason: string;
}

/** The events that one secret has signed. */
export interface Signed {
  readonly events: number;
  /** The last of them; 0 if there are none. */
  readonly lastSeq: number;
}

export interface LogVerification {
  /** The last event that could be read. */
  readonly head: Head;
  readonly events: number;
  /** Events that break the sequence 1, 2, 3, …; undefined if there are none. */
  readonly sequence: Fault | undefined;
  /** Events whose digest, time or link is wrong; undefined if there are none. */
  readonly chain: Fault | undefined;
  /** Signed events whose signature matches none of the secrets; also undefined if no secret was given. */
  readonly signatures: Fault | undefined;
  /** What each secret signed, in the order of the secrets. */
  readonly signed: readonly Signed[];
  /** Number of events recorded while verification was switched off. */
  readonly unsigned: number;
}

/**
 * Verifies every event up to the head at this moment. The log is append-only, so no snapshot is needed; holding
 * one would keep the engine's storage growing.
 * @param onProgress called between reads
 * @param secrets all secrets that the log's signatures may have been made with; if empty, signatures are not checked
 */
export async function verifyLog(
  reader: Pick<Reader, 'head' | 'stored' | 'rest'>,
  secrets: readonly string[],
  onProgress: OnProgress = () => {},
): Promise<LogVerification> {
  const sequence = new Faults();
  const chain = new Faults();
  const signatures = new Faults();
  const signed: Signed[] = secrets.map(() => ({ events: 0, lastSeq: 0 }));
  let head: Head = { seq: 0, chain: CHAIN_GENESIS };
  let events = 0;
  let unsigned = 0;

  try {
    const { seq: end } = await reader.head();
    for (let isMore = true; isMore; ) {
      const read = (await reader.stored(head.seq)).filter(({ seq }) => seq <= end);
      for (const event of read) {
        // Only happens in a damaged file, where continuing might never end.
        if (event.seq <= head.seq || !(event.chain instanceof Uint8Array))
          throw new Error(`the row after seq ${head.seq} is unreadable`);
        if (event.seq !== head.seq + 1) sequence.add(event.seq, `it follows seq ${head.seq}`);
        chain.add(event.seq, linkProblem(event, head.chain));
        if (event.signature === null) unsigned += 1;
        else if (secrets.length > 0) signatures.add(event.seq, countSignature(event, secrets, signed));
        // Use the stored link, so that one faulty event does not make all later ones look faulty.
        head = { seq: event.seq, chain: event.chain };
        events += 1;
      }
      isMore = read.length > 0;
      await reader.rest();
      onProgress(head.seq, end);
    }
  } catch (error) {
    if (engineFault(error) === 'statement') throw error; // a table is missing: nothing was read
    chain.add(head.seq + 1, `the log cannot be read from here on: ${errorText(error)}`);
  }
  return {
    head,
    events,
    sequence: sequence.first,
    chain: chain.first,
    signatures: signatures.first,
    signed,
    unsigned,
  };
}

/** A head that was recorded outside the file. */
export interface Anchor {
  readonly seq: number;
  /** 64 lower-case hex digits. */
  readonly chain: string;
}

/** @returns why the log no longer contains the anchor; undefined if it does */
export async function anchorProblem(
  reader: Pick<Reader, 'head' | 'stored'>,
  anchor: Anchor,
): Promise<string | undefined> {
  try {
    const end = await reader.head();
    if (end.seq < anchor.seq) return `the log ends with seq ${end.seq}: its tail is missing`;
    const found = anchor.seq === 0 ? CHAIN_GENESIS : await linkOf(reader, anchor.seq);
    if (found === undefined) return `seq ${anchor.seq} is missing`;
    return hexOf(found) === anchor.chain ? undefined : `seq ${anchor.seq} has a different chain`;
  } catch (error) {
    return `the log cannot be read: ${errorText(error)}`;
  }
}

class Faults {
  first: Fault | undefined;

  add(seq: number, reason: string | undefined): void {
    if (reason === undefined) return;
    this.first =
      this.first === undefined
        ? { count: 1, firstSeq: seq, reason }
        : { ...this.first, count: this.first.count + 1 };
  }
}

/** @param previous the link of the event before it @returns what is wrong with the event's columns and link */
export function linkProblem(event: StoredEvent, previous: Uint8Array): string | undefined {
  try {
    const digest = createHash('sha256').update(event.body).digest();
    if (!digest.equals(event.body_sha256)) return 'the body differs from the recorded one';
    const { json } = readBody(event.body, event.event_header);
    if (bodyTimeMs(json) !== event.body_time_ms) return 'body_time_ms differs from the time in the body';
    const link = chainLink(previous, event);
    return link.equals(event.chain)
      ? undefined
      : 'its chain does not match its columns and the event before it';
  } catch (error) {
    return `its columns cannot be read: ${errorText(error)}`; // a damaged page can give values of any type
  }
}

/** @param signed is updated for the secret that made the signature @returns what is wrong with the signature */
function countSignature(
  event: StoredEvent,
  secrets: readonly string[],
  signed: Signed[],
): string | undefined {
  try {
    const hex = hexOf(event.signature ?? new Uint8Array());
    const signer = signerOf(event.body, hex, String(event.signed_at), secrets);
    const before = signed[signer];
    if (before === undefined) return 'its signature matches none of the given secrets';
    signed[signer] = { events: before.events + 1, lastSeq: event.seq };
    return undefined;
  } catch (error) {
    return `its columns cannot be read: ${errorText(error)}`;
  }
}

async function linkOf(reader: Pick<Reader, 'stored'>, seq: number): Promise<Uint8Array | undefined> {
  const [event] = await reader.stored(seq - 1, 1);
  return event?.seq === seq ? event.chain : undefined;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
