/**
 * Lines on standard output, joined and written once a turn of the event loop. A reader that has gone, that has
 * stopped reading, or a full disk behind it costs lines, never a delivery, nor memory without bound.
 */

import { LOG_WAITING_BYTES_MAX } from './core/limits.ts';

let lines: string[] = [];
let dropped = 0;

process.stdout.on('error', () => {});

/** @param line without its end */
export function writeLine(line: string): void {
  if (lines.length === 0) setImmediate(flushLines);
  lines.push(line);
}

/** Writes what is waiting; also runs at the end of the process. */
export function flushLines(): void {
  if (lines.length === 0) return;
  if (process.stdout.writableLength > LOG_WAITING_BYTES_MAX) {
    dropped += lines.length;
    lines = [];
    return;
  }
  if (dropped > 0) lines.unshift(`${dropped} log lines were dropped: nobody read them`);
  const text = `${lines.join('\n')}\n`;
  dropped = 0;
  lines = [];
  process.stdout.write(text);
}

process.on('exit', flushLines);
