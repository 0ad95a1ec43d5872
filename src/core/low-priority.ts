/** An answer cannot wait: where the processors are busy, threads and programs that have time go last. */

import { setPriority } from 'node:os';

export const NICENESS = {
  /** A tenth of the processor time beside a thread of ordinary priority: with less it would hold the write lock for long. */
  writing: 10,
  /** A seventieth: it holds nothing that receiving waits for. */
  reading: 19,
} as const;

/** Lowers the calling thread's priority for good. Does nothing but on Linux: elsewhere it would be the process's. */
export function lowerPriority(niceness: number): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(niceness);
  } catch {
    // A sandbox may forbid it: then it is not so polite.
  }
}
