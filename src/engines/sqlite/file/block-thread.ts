/** Waits without yielding: a transaction must not be left open while other code runs. */

const neverNotified = new Int32Array(new SharedArrayBuffer(4));

/** @param ms may be less than 1 */
export function blockThread(ms: number): void {
  Atomics.wait(neverNotified, 0, 0, ms);
}
