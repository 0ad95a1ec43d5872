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
import { signerOfEvent } from './secret-use.ts';

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

export type LogVerification = Awaited<ReturnType<typeof verifyLog>>;

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
) {
  const found = {
    /** The last event that could be read. */
    head: { seq: 0, chain: CHAIN_GENESIS } as Head,
    events: 0,
    /** Events that break the sequence 1, 2, 3, …; undefined if there are none. */
    sequence: undefined as Fault | undefined,
    /** Events whose digest, time or link is wrong; undefined if there are none. */
    chain: undefined as Fault | undefined,
    /** Signed events whose signature matches none of the secrets; also undefined if no secret was given. */
    signatures: undefined as Fault | undefined,
    /** What each secret signed, in the order of the secrets. */
    signed: secrets.map((): Signed => ({ events: 0, lastSeq: 0 })),
    /** Number of events recorded while verification was switched off. */
    unsigned: 0,
  };
  const note = (rule: 'sequence' | 'chain' | 'signatures', seq: number, reason: string | undefined) => {
    if (reason === undefined) return;
    const { count, ...first } = found[rule] ?? { count: 0, firstSeq: seq, reason };
    found[rule] = { count: count + 1, ...first };
  };

  try {
    const { seq: end } = await reader.head();
    for (let isMore = true; isMore; ) {
      const read = (await reader.stored(found.head.seq)).filter(({ seq }) => seq <= end);
      for (const event of read) {
        const { head } = found;
        // Only happens in a damaged file, where continuing might never end.
        if (event.seq <= head.seq || !(event.chain instanceof Uint8Array))
          throw new Error(`the row after seq ${head.seq} is unreadable`);
        if (event.seq !== head.seq + 1) note('sequence', event.seq, `it follows seq ${head.seq}`);
        note('chain', event.seq, linkProblem(event, head.chain));
        if (event.signature === null) found.unsigned += 1;
        else if (secrets.length > 0)
          note('signatures', event.seq, signatureProblem(event, secrets, found.signed));
        // Use the stored link, so that one faulty event does not make all later ones look faulty.
        found.head = { seq: event.seq, chain: event.chain };
        found.events += 1;
      }
      isMore = read.length > 0;
      await reader.rest();
      onProgress(found.head.seq, end);
    }
  } catch (error) {
    if (engineFault(error) === 'statement') throw error; // a table is missing: nothing was read
    note('chain', found.head.seq + 1, `the log cannot be read from here on: ${errorText(error)}`);
  }
  return found;
}

/** A head that was recorded outside the file. */
export interface Anchor {
  readonly seq: number;
  /** 64 lower-case hex digits. */
  readonly chain: string;
}

/** @returns why the log no longer contains the anchor; undefined if it does */
export async function anchorProblem(
  reader: Pick<Reader, 'head' | 'chainOf'>,
  anchor: Anchor,
): Promise<string | undefined> {
  try {
    const end = await reader.head();
    if (end.seq < anchor.seq) return `the log ends with seq ${end.seq}: its tail is missing`;
    const found = anchor.seq === 0 ? CHAIN_GENESIS : await reader.chainOf(anchor.seq);
    if (found.length === 0) return `seq ${anchor.seq} is missing`;
    return Buffer.from(found).toString('hex') === anchor.chain
      ? undefined
      : `seq ${anchor.seq} has a different chain`;
  } catch (error) {
    return `the log cannot be read: ${errorText(error)}`;
  }
}

/** @param previous the link of the event before it @returns what is wrong with the event's columns and link */
export function linkProblem(event: StoredEvent, previous: Uint8Array): string | undefined {
  return problemOf(() => {
    const digest = createHash('sha256').update(event.body).digest();
    if (!digest.equals(event.body_sha256)) return 'the body differs from the recorded one';
    const { json } = readBody(event.body, event.event_header);
    if (bodyTimeMs(json) !== event.body_time_ms) return 'body_time_ms differs from the time in the body';
    const link = chainLink(previous, event);
    return link.equals(event.chain)
      ? undefined
      : 'its chain does not match its columns and the event before it';
  });
}

/** @param signed is updated for the secret that made the signature */
function signatureProblem(
  event: StoredEvent,
  secrets: readonly string[],
  signed: Signed[],
): string | undefined {
  return problemOf(() => {
    const signer = signerOfEvent(event, secrets);
    const before = signed[signer];
    if (before === undefined) return 'its signature matches none of the given secrets';
    signed[signer] = { events: before.events + 1, lastSeq: event.seq };
    return undefined;
  });
}

function problemOf(check: () => string | undefined): string | undefined {
  try {
    return check();
  } catch (error) {
    return `its columns cannot be read: ${errorText(error)}`; // a damaged page can give values of any type
  }
}
