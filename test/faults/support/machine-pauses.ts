/**
 * How long the machine itself kept a process waiting: a separate process repeatedly sleeps, writes and fsyncs, as a
 * delivery does, and no server takes part in it. A bound on a single delivery is a bound beyond that.
 */

import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { separateProcess } from './separate-process.ts';

export interface MachinePausesOptions {
  /** Where it writes: the disk of the database. */
  readonly folder: string;
}

export interface MachinePausesSeen {
  /** The longest sleep, write and fsync so far, beyond the time that it wanted to sleep, milliseconds. */
  readonly longestMs: number;
}

const SLEEP_MS = 10;

export const watchMachinePauses = separateProcess(import.meta.filename, watch);

async function watch({ folder }: MachinePausesOptions): Promise<() => MachinePausesSeen> {
  const file = openSync(join(folder, 'machine-pauses'), 'w');
  process.once('exit', () => closeSync(file));
  let longestMs = 0;
  let sinceMs = performance.now();
  setInterval(() => {
    writeSync(file, '.', 0);
    fsyncSync(file);
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - sinceMs - SLEEP_MS);
    sinceMs = nowMs;
  }, SLEEP_MS);
  // A pause that is still going on counts, too.
  return () => ({ longestMs: Math.max(longestMs, performance.now() - sinceMs - SLEEP_MS) });
}
