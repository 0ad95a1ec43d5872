/** Warns, at most once per minute, that a delivery with a valid signature was refused because of its timestamp. */

import { REPEATED_WARNING_MS } from '../../core/limits.ts';
import type { Log } from '../../core/logger.ts';
import { throttle } from '../../core/throttle.ts';

/** @param ageS the delivery's age by this machine's clock, in seconds; negative if it is from the future */
export type ClockWarning = (ageS: number) => void;

/** @param monotonicMs a clock that never jumps */
export function createClockWarning(log: Log, maxAgeS: number, monotonicMs: () => number): ClockWarning {
  const mayWarn = throttle(1, REPEATED_WARNING_MS, monotonicMs);
  return (ageS) => {
    if (!mayWarn()) return;
    const side = ageS > 0 ? `${ageS} s old` : `${-ageS} s in the future`;
    log(
      'warn',
      `a delivery with a valid signature was refused because its timestamp is ${side} (limit ${maxAgeS} s): ` +
        "it is a replay, or the sender's clock or this machine's clock is wrong; check `timedatectl`",
    );
  };
}
