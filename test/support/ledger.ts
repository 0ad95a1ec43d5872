/**
 * The sender's own record of acknowledged deliveries: a file of lines, each written before the acknowledgement is used
 * for anything else. A delivery that is in it but not in the log was lost.
 */

import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/** One acknowledged delivery. */
export interface Entry {
  /** SHA-256 of the body, hex. */
  readonly digest: string;
  /** As stated in the 200. */
  readonly seq: number;
  /** When the 200 had been read; wall clock, milliseconds, rounded down. */
  readonly atMs: number;
}

export interface Ledger {
  /** Acknowledgements written so far, including repetitions. */
  readonly size: number;
  /** Records that a body was answered with 200 and `seq`. The entry is in the file on return. */
  acknowledge(body: string | Uint8Array, seq: number): void;
  /** All entries from `after` on, read back from the file. */
  entries(after?: number): Entry[];
  close(): void;
}

export function openLedger(path: string): Ledger {
  const file = openSync(path, 'ax', 0o600);
  let size = 0;
  return {
    get size() {
      return size;
    },
    acknowledge(body, seq) {
      writeSync(file, `${digestOf(body)} ${seq} ${Date.now()}\n`);
      size += 1;
    },
    entries(after = 0) {
      const lines = readFileSync(path, 'latin1').split('\n').slice(after, -1);
      return lines.map((line) => {
        const [digest = '', seq, atMs] = line.split(' ');
        return { digest, seq: Number(seq), atMs: Number(atMs) };
      });
    },
    close: () => closeSync(file),
  };
}

/** SHA-256, hex. */
export function digestOf(body: string | Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}
