/** What the HTTP server is given: its settings, and the parts of the receiver that it uses. */

import type { Log, LogFormat, LogLevel } from '../core/logger.ts';
import type { Counters } from '../core/metrics/counters.ts';
import type { Writer } from '../core/writer/writer.ts';
import type { AddressRanges } from './guard/address-ranges.ts';

export interface HttpOptions {
  readonly secrets: readonly string[];
  readonly skipSignatureVerification: boolean;
  /** Seconds, into the past and into the future. */
  readonly maxAgeS: number;
  readonly bodyBytesMax: number;
  /** Requests per client and window; 0 switches the rate limit off. */
  readonly rateLimitMax: number;
  readonly rateLimitWindowMs: number;
  /** Whether verified deliveries are not counted. */
  readonly rateLimitSkipVerified: boolean;
  readonly trustedProxies: AddressRanges;
  readonly logFormat: LogFormat;
  readonly logLevel: LogLevel;
  readonly writer: Writer;
  readonly counters: Counters;
  readonly log: Log;
  /** Writes one line to the log, given without a line end; for the requests as text. */
  readonly writeLine: (line: string) => void;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  readonly monotonicMs: () => number;
}
