/** Limits how often lines of one kind are logged, so that neither a flood nor a lasting fault fills the disk. */

/**
 * A window begins with the first line after the previous window.
 * @param linesMax lines logged in one window
 * @param monotonicMs a clock that never jumps
 * @param logOmitted logs how many lines were left out, `windowMs` after the first of them; without it nothing says so
 * @returns a function that counts one line. It returns whether to log it.
 */
export function throttle(
  linesMax: number,
  windowMs: number,
  monotonicMs: () => number,
  logOmitted?: (count: number) => void,
): () => boolean {
  let windowEndMs = Number.NEGATIVE_INFINITY;
  let lines = 0;
  let omitted = 0;

  return () => {
    const nowMs = monotonicMs();
    if (nowMs >= windowEndMs) {
      windowEndMs = nowMs + windowMs;
      lines = 0;
    }
    lines += 1;
    if (lines <= linesMax) return true;
    omitted += 1;
    if (omitted === 1 && logOmitted !== undefined) {
      setTimeout(() => {
        logOmitted(omitted);
        omitted = 0;
      }, windowMs).unref();
    }
    return false;
  };
}
