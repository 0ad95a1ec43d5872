/**
 * Lines on standard output, joined and written once a turn of the event loop. A reader that has gone or a full
 * disk behind it costs lines, never a delivery.
 */

let lines: string[] = [];

process.stdout.on('error', () => {});

/** @param line without its end */
export function writeLine(line: string): void {
  if (lines.length === 0) setImmediate(flushLines);
  lines.push(line);
}

/** Writes what is waiting; also runs at the end of the process. */
export function flushLines(): void {
  if (lines.length === 0) return;
  const text = `${lines.join('\n')}\n`;
  lines = [];
  process.stdout.write(text);
}

process.on('exit', flushLines);
