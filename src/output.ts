/**
 * Lines on standard output, joined and written once per turn of the event loop. If the reader is gone or stalled, or
 * its disk is full, lines are lost, but never a delivery, and memory stays bounded.
 */

import { LOG_WAITING_BYTES_MAX } from './core/limits.ts';

let lines: string[] = [];
let dropped = 0;

process.stdout.on('error', () => {});

/** @param line without a line end */
export function writeLine(line: string): void {
  if (lines.length === 0) setImmediate(flushLines);
  lines.push(line);
}

/** Writes the waiting lines; also called when the process exits. */
export function flushLines(): void {
  if (lines.length === 0) return;
  if (process.stdout.writableLength > LOG_WAITING_BYTES_MAX) {
    dropped += lines.length;
    lines = [];
    return;
  }
  if (dropped > 0) lines.unshift(`${dropped} log lines were dropped: the output was not read`);
  const text = `${lines.join('\n')}\n`;
  dropped = 0;
  lines = [];
  process.stdout.write(text);
}

process.on('exit', flushLines);
