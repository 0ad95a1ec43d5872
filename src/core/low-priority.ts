/** A rebuild has time; an answer has not: where the processors are busy, the thread that rebuilds goes last. */

import { setPriority } from 'node:os';

/** A tenth of the processor time beside a thread of ordinary priority; with less it would hold the write lock for long. */
const NICENESS = 10;

/** Lowers the calling thread's priority for good. Does nothing but on Linux: elsewhere it would be the process's. */
export function lowerPriority(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(NICENESS);
  } catch {
    // A sandbox may forbid it: then it is not so polite.
  }
}
