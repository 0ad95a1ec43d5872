/** Answers come first: on busy processors, background threads and programs run at a lower priority. */

import { setPriority } from 'node:os';

export const NICENESS = {
  /** A tenth of the time of a normal-priority thread. With less, it would hold the write lock for too long. */
  writing: 10,
  /** A seventieth: it holds no lock that receiving waits for. */
  reading: 19,
} as const;

/** Lowers the calling thread's priority permanently. Linux only: elsewhere it would affect the whole process. */
export function lowerPriority(niceness: number): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(niceness);
  } catch {
    // A sandbox may forbid it; the thread then keeps its priority.
  }
}
