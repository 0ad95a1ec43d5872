/**
 * What a command shows: lines on standard output and, on standard error, the progress of a long command: a bar redrawn
 * in place on a terminal, or else an occasional line. Short commands show no progress.
 */

import { once } from 'node:events';
import { duration, grouped } from './numbers.ts';

const REDRAW_MS = 100;
const LINE_MS = 2000;
const LINE_STEP = 0.1;
const BAR_CHARS = 24;
const COLUMNS_DEFAULT = 80;
const CLEAR_LINE = '\r\u001b[K';

const shown = { label: '', startedMs: 0, atMs: 0, share: 0, isBar: false };

/** Prints lines; clears the bar before. Waits for a slow reader, so that memory stays bounded. */
export async function print(lines: readonly string[]): Promise<void> {
  clearProgress();
  if (!process.stdout.write(lines.map((line) => `${line}\n`).join(''))) await once(process.stdout, 'drain');
}

/** What JSON.stringify leaves as it is, although a terminal may run it: C1 controls, line separators, direction marks. */
const TERMINAL_CONTROLS = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** One line of JSON in which nothing can control a terminal. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(
    TERMINAL_CONTROLS,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** @param label the current step; a new label starts a new bar */
export function showProgress(label: string, done: number, total: number): void {
  const nowMs = performance.now();
  if (label !== shown.label) Object.assign(shown, { label, startedMs: nowMs, atMs: nowMs, share: 0 });
  const share = total === 0 ? 1 : done / total;
  const { isTTY, columns } = process.stderr;
  const sinceMs = nowMs - shown.atMs;
  if (isTTY ? sinceMs < REDRAW_MS : sinceMs < LINE_MS || share - shown.share < LINE_STEP) return;
  Object.assign(shown, { atMs: nowMs, share, isBar: isTTY });
  const text = `${Math.floor(share * 100)} %  ${grouped(done)} of ${grouped(total)}`;
  if (!isTTY) {
    process.stderr.write(`${label}  ${text}\n`);
    return;
  }
  const leftMs = ((nowMs - shown.startedMs) * (1 - share)) / share;
  const line = `${label}  ${bar(share)}  ${text}${share > 0 ? `  ${duration(leftMs)} left` : ''}`;
  process.stderr.write(CLEAR_LINE + line.slice(0, (columns || COLUMNS_DEFAULT) - 1));
}

/** Clears the bar to make room for other text on the terminal. */
export function clearProgress(): void {
  if (shown.isBar) process.stderr.write(CLEAR_LINE);
  Object.assign(shown, { label: '', isBar: false });
}

function bar(share: number): string {
  const full = Math.floor(Math.min(1, share) * BAR_CHARS);
  return `[${'='.repeat(full)}${' '.repeat(BAR_CHARS - full)}]`;
}
