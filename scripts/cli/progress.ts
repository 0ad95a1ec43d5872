/**
 * Shows the progress of a long command on standard error: a bar redrawn in place on a terminal, or else an occasional
 * line. Short commands print nothing.
 */

import { duration, grouped } from './numbers.ts';

export interface Progress {
  /** @param label the current step; a new label starts a new bar */
  report(label: string, done: number, total: number): void;
  /** Clears the bar to make room for other text on the terminal. */
  clear(): void;
}

const REDRAW_MS = 100;
const LINE_MS = 2000;
const LINE_STEP = 0.1;
const BAR_CHARS = 24;
const COLUMNS_DEFAULT = 80;
const CLEAR_LINE = '\r\u001b[K';

/** @param monotonicMs milliseconds */
export function createProgress(
  stream: NodeJS.WriteStream = process.stderr,
  monotonicMs: () => number = () => performance.now(),
): Progress {
  let label = '';
  let startedMs = 0;
  let shownMs = 0;
  let shownShare = 0;
  let isDrawn = false;

  function begin(next: string): void {
    label = next;
    startedMs = monotonicMs();
    shownMs = startedMs;
    shownShare = 0;
  }

  return {
    report(next, done, total) {
      if (next !== label) begin(next);
      const nowMs = monotonicMs();
      const share = total === 0 ? 1 : done / total;
      const isDue = stream.isTTY
        ? nowMs - shownMs >= REDRAW_MS
        : nowMs - shownMs >= LINE_MS && share - shownShare >= LINE_STEP;
      if (!isDue) return;
      shownMs = nowMs;
      shownShare = share;
      const text = `${Math.floor(share * 100)} %  ${grouped(done)} of ${grouped(total)}`;
      if (!stream.isTTY) {
        stream.write(`${label}  ${text}\n`);
        return;
      }
      const left = share > 0 ? `  ${duration(((nowMs - startedMs) * (1 - share)) / share)} left` : '';
      const line = `${label}  ${bar(share)}  ${text}${left}`;
      stream.write(CLEAR_LINE + line.slice(0, (stream.columns || COLUMNS_DEFAULT) - 1));
      isDrawn = true;
    },
    clear() {
      label = '';
      if (isDrawn) stream.write(CLEAR_LINE);
      isDrawn = false;
    },
  };
}

function bar(share: number): string {
  const full = Math.floor(Math.min(1, share) * BAR_CHARS);
  return `[${'='.repeat(full)}${' '.repeat(BAR_CHARS - full)}]`;
}
