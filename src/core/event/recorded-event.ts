/** The events of the log as every engine stores and reads them. */

import type { ChainedColumns } from './chain.ts';
import type { RecordedDelivery } from './event.ts';

/** The last event, which `verify` calls the anchor. */
export interface Head {
  /** 0 in an empty log. */
  readonly seq: number;
  readonly chain: Uint8Array;
}

/** A complete event as stored. */
export interface StoredEvent extends ChainedColumns {
  readonly body: Uint8Array;
  readonly chain: Uint8Array;
}

/** An event as passed to a consumer. */
export interface HandlerEvent extends RecordedDelivery {
  /** 64 hex digits. */
  readonly bodySha256: string;
  readonly type: string | null;
  readonly path: string;
  readonly receivedAtMs: number;
}

/** What `failures` records: an event in the log, or one value of it, that a stage could not use. */
export interface Failure {
  readonly seq: number;
  /** PARSE_STAGE, WRITER_STAGE or a projection's name. */
  readonly stage: string;
  /** The field whose value is unusable, by our name; WHOLE_EVENT if the stage could not use the event at all. */
  readonly field: string;
  readonly error: string;
}

/** The field of a failure that is not about a single value. */
export const WHOLE_EVENT = '';

/** The stage of a failure before any projection: the event could not be read. */
export const PARSE_STAGE = 'parse';
/** The stage of a failure of an event that was appended but not folded, because folding it made its batch fail. */
export const WRITER_STAGE = 'writer';

/** What `failures` says about one event. */
export interface Verdict {
  /** Why at least one table lacks the event; null if none does. */
  readonly error: string | null;
  /** Which of its values were left out: sorted, each text once. */
  readonly warnings: readonly string[];
}

const USABLE: Verdict = { error: null, warnings: [] };

/** @param failures of one event */
export function verdictOf(failures: readonly Pick<Failure, 'field' | 'error'>[]): Verdict {
  if (failures.length === 0) return USABLE;
  const texts = (isWhole: boolean) => {
    const chosen = failures.filter(({ field }) => (field === WHOLE_EVENT) === isWhole);
    return [...new Set(chosen.map(({ error }) => error))].sort();
  };
  return { error: texts(true).join('; ') || null, warnings: texts(false) };
}
