/** What the HTTP server is given: its settings, and the parts of the receiver that it uses. */

import type { Config } from '../config/config.ts';
import type { Log } from '../core/logger.ts';
import type { Counters } from '../core/metrics/counters.ts';
import type { Writer } from '../core/writer/writer.ts';

type Settings = Pick<
  Config,
  | 'secrets'
  | 'skipSignatureVerification'
  | 'maxAgeS'
  | 'bodyBytesMax'
  | 'rateLimitMax'
  | 'rateLimitWindowMs'
  | 'rateLimitSkipVerified'
  | 'trustedProxies'
  | 'logFormat'
  | 'logLevel'
>;

export interface HttpOptions extends Settings {
  readonly writer: Writer;
  readonly counters: Counters;
  readonly log: Log;
  /** Writes one line to the log, given without a line end; for the requests as text. */
  readonly writeLine: (line: string) => void;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  readonly monotonicMs: () => number;
}
