/** A verified delivery on its way into the log, and what became of it. Only bytes and plain fields. */

/** What is appended: the signed bytes and what came with them. */
export interface Delivery {
  /** The exact bytes that were signed. */
  readonly body: Uint8Array;
  /** The endpoint's path, without query. */
  readonly path: string;
  /** 64 hex digits; null only where verification is switched off. */
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

/** The body is in the log and fsynced; the tables reflect it, or `error` says why not. */
export interface Recorded {
  readonly kind: 'recorded';
  readonly seq: number;
  /** The body was in the log before: `seq` and `type` are the first recording's. */
  readonly duplicate: boolean;
  readonly type: string | null;
  /** What `failures` says of it. */
  readonly error: string | null;
  /** A duplicate that came under another `X-IRISX-Event` than the first. */
  readonly otherEventHeader: boolean;
}

/** Not in the log as far as is known: the sender should send it again. */
export interface Refused {
  readonly kind: 'refused';
  readonly reason: 'queue_full' | 'storage_busy' | 'storage_full' | 'storage_failed' | 'shutting_down';
}

export type Outcome = Recorded | Refused;
