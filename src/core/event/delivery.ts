/** A verified delivery to be recorded, and its outcome. Only bytes and plain fields, which a thread can receive. */

import type { Verdict } from './recorded-event.ts';

/** What is appended: the signed bytes and their metadata. */
export interface Delivery {
  /** The exact bytes that were signed. */
  readonly body: Uint8Array;
  /** The endpoint's path, without query. */
  readonly path: string;
  /** 64 hex digits; null only if verification is switched off. */
  readonly signature: string | null;
  /** Unix seconds, signed. */
  readonly signedAt: number;
  /** Milliseconds since 1970 UTC. */
  readonly receivedAtMs: number;
  /** `X-IRISX-Event` as sent: not signed. */
  readonly eventHeader: string | null;
  /** `X-IRISX-Event-ID` as sent: not signed. */
  readonly eventIdHeader: string | null;
}

/** The body is in the log and fsynced; the tables reflect it, or `error` and `warnings` say what they lack. */
export interface Recorded extends Verdict {
  readonly kind: 'recorded';
  readonly seq: number;
  /** The body was already in the log: `seq` and `type` are those of the first recording. */
  readonly duplicate: boolean;
  readonly type: string | null;
  /** Whether this is a duplicate with a different `X-IRISX-Event` than the first recording. */
  readonly otherEventHeader: boolean;
}

/** Not known to be in the log: the sender should send it again. */
export interface Refused {
  readonly kind: 'refused';
  readonly reason: 'queue_full' | 'storage_busy' | 'storage_full' | 'storage_failed' | 'shutting_down';
}

export type Outcome = Recorded | Refused;
