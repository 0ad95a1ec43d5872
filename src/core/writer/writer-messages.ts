/** Messages between the main thread and the writer thread: bytes and plain fields, never parsed values. */

import type { EngineErrorKind } from '../engine-error.ts';
import type { Delivery, Outcome, Refused } from '../event/delivery.ts';
import type { Head } from '../event/recorded-event.ts';

/** The faults of the storage that may pass: how deliveries are refused meanwhile, and what an operator can do. */
export const PASSING_FAULTS = {
  full: { reason: 'storage_full', hint: 'free some disk space' },
  busy: { reason: 'storage_busy', hint: 'another process holds the write lock' },
  unavailable: { reason: 'storage_failed', hint: 'check that the database can be reached' },
  unknown: { reason: 'storage_failed', hint: 'the connection to the database was lost' },
} as const satisfies Partial<
  Record<EngineErrorKind, { readonly reason: Refused['reason']; readonly hint: string }>
>;
export type PassingFault = keyof typeof PASSING_FAULTS;

type Fields = Omit<Delivery, 'body'>;
/** A batch stored by column, which is much cheaper to clone than objects. The bodies share one transferred buffer. */
export type PackedBatch = { readonly [Name in keyof Fields]: readonly Fields[Name][] } & {
  readonly bodies: Uint8Array;
  readonly bodyBytes: readonly number[];
};

/** Outcomes stored by column: nearly all belong to new events without failures. */
export interface PackedOutcomes {
  /** 0 if the delivery is refused. */
  readonly seqs: readonly number[];
  readonly types: readonly (string | null)[];
  /** The other outcomes, by index: duplicates, failures and refusals. */
  readonly others: ReadonlyMap<number, Outcome>;
}

export type ToWriter =
  /** `isDraining[0]` is shared memory and 1 after drain(), because the `drain` message may still be queued. */
  | { readonly kind: 'batch'; readonly batch: PackedBatch; readonly isDraining: Int32Array }
  /** `close` will follow soon: avoid long waits. */
  | { readonly kind: 'drain' }
  | { readonly kind: 'close' };

export type FromWriter =
  | { readonly kind: 'ready'; readonly head: Head; readonly lagging: readonly string[] }
  /** The database cannot be used; `text` is for the operator. */
  | { readonly kind: 'cannot-open'; readonly text: string }
  /**
   * The result of the oldest batch in flight. `lagging`: undefined if nothing was committed. `ms`: its duration,
   * including its fsyncs.
   */
  | {
      readonly kind: 'answered';
      readonly outcomes: PackedOutcomes;
      readonly lagging: readonly string[] | undefined;
      readonly ms: number;
    }
  | { readonly kind: 'lagging'; readonly lagging: readonly string[] }
  /** Storage fails: deliveries of the batch that is answered next are refused. */
  | { readonly kind: 'failing'; readonly fault: PassingFault; readonly text: string }
  /** A write succeeded again after storage had failed. */
  | { readonly kind: 'recovered' }
  /** The outcome of the last batch is unknown; the thread has stopped touching the file. */
  | { readonly kind: 'lost'; readonly text: string }
  /** For the log: `error` for a defect of this program, such as a delivery that could not be folded. */
  | { readonly kind: 'log'; readonly level: 'warn' | 'error'; readonly text: string }
  | { readonly kind: 'closed'; readonly head: Head };

/** Packs the deliveries; `bodies.buffer` can be transferred. */
export function packBatch(batch: readonly Delivery[]): PackedBatch {
  const bodies = new Uint8Array(batch.reduce((bytes, delivery) => bytes + delivery.body.byteLength, 0));
  let offset = 0;
  for (const { body } of batch) {
    bodies.set(body, offset);
    offset += body.byteLength;
  }
  return {
    bodies,
    bodyBytes: batch.map((delivery) => delivery.body.byteLength),
    path: batch.map((delivery) => delivery.path),
    signature: batch.map((delivery) => delivery.signature),
    signedAt: batch.map((delivery) => delivery.signedAt),
    receivedAtMs: batch.map((delivery) => delivery.receivedAtMs),
    eventHeader: batch.map((delivery) => delivery.eventHeader),
    eventIdHeader: batch.map((delivery) => delivery.eventIdHeader),
  };
}

/** The inverse of packBatch; the bodies are views into the shared buffer. */
export function unpackBatch(packed: PackedBatch): Delivery[] {
  let offset = 0;
  return packed.bodyBytes.map((bytes, index) => {
    const body = packed.bodies.subarray(offset, offset + bytes);
    offset += bytes;
    return {
      body,
      path: packed.path[index] ?? '',
      signature: packed.signature[index] ?? null,
      signedAt: packed.signedAt[index] ?? 0,
      receivedAtMs: packed.receivedAtMs[index] ?? 0,
      eventHeader: packed.eventHeader[index] ?? null,
      eventIdHeader: packed.eventIdHeader[index] ?? null,
    };
  });
}

export function packOutcomes(outcomes: readonly Outcome[]): PackedOutcomes {
  const seqs: number[] = [];
  const types: (string | null)[] = [];
  const others = new Map<number, Outcome>();
  for (const [index, outcome] of outcomes.entries()) {
    const isRecorded = outcome.kind === 'recorded';
    seqs.push(isRecorded ? outcome.seq : 0);
    types.push(isRecorded ? outcome.type : null);
    const isPlain =
      isRecorded && !outcome.duplicate && outcome.error === null && outcome.warnings.length === 0;
    if (!isPlain) others.set(index, outcome);
  }
  return { seqs, types, others };
}

/** The inverse of packOutcomes. */
export function unpackOutcomes({ seqs, types, others }: PackedOutcomes): Outcome[] {
  const recorded = (seq: number, type: string | null): Outcome => ({
    kind: 'recorded',
    seq,
    duplicate: false,
    type,
    error: null,
    warnings: [],
    otherEventHeader: false,
  });
  return seqs.map((seq, index) => others.get(index) ?? recorded(seq, types[index] ?? null));
}
