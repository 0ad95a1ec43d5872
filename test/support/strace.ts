/** strace as the command that a program is started under: it makes system calls on chosen files fail, and writes down all of them. */

import { readFileSync } from 'node:fs';

export interface Tracing {
  /** Where strace writes; a file of its own for each start. */
  readonly log: string;
  /** Only calls on these are seen and injected into; none: all files. */
  readonly files?: readonly string[];
  /** As strace's `--inject`: `fsync:error=EIO:when=3`. */
  readonly inject?: readonly string[];
}

/** What changes a file. */
const CALLS = 'pwrite64,write,ftruncate,fsync,fdatasync,fallocate,unlink';

/** @returns the beginning of a command line; the process id stays the program's own */
export function strace({ log, files = [], inject = [] }: Tracing): string[] {
  // Stopping at these calls alone leaves HTTP its speed, but strace cannot send signals then.
  const speed = inject.some((what) => what.includes(':signal=')) ? [] : ['--seccomp-bpf'];
  return [
    ...['strace', '-D', '-f', '-qq', '-y', '-ttt', '-s', '0', ...speed, '-o', log, '-e', `trace=${CALLS}`],
    ...files.flatMap((file) => ['-P', file]),
    ...inject.flatMap((what) => ['-e', `inject=${what}`]),
  ];
}

export interface Call {
  /** When it began; wall clock, milliseconds. */
  readonly atMs: number;
  readonly name: string;
  /** The file's path, or the path that was given. */
  readonly file: string;
  /** `EIO`, injected or not; undefined: it did not fail, or was not seen to end. */
  readonly error: string | undefined;
}

const LINE = /^\d+ +(\d+\.\d+) (\w+)\((?:\d+<([^>]*)>|"([^"]*)")(.*)$/;

/** Calls on files whose path begins with `path`, in their order; sockets and terminals have other paths. */
export function callsOn(path: string, log: string): Call[] {
  return wholeLines(log)
    .map((line) => LINE.exec(line))
    .filter((match) => match !== null)
    .map(([, seconds, name = '', opened, named, rest = '']) => ({
      atMs: Number(seconds) * 1000,
      name,
      file: opened ?? named ?? '',
      error: /= -1 (E[A-Z]+)/.exec(rest)?.[1],
    }))
    .filter(({ file }) => file.startsWith(path));
}

const RESUMED = /^(\d+) +\d+\.\d+ <\.\.\. \w+ resumed>(.*)$/;

/** A call during which another thread made one stands on two lines, its result on the second. */
function wholeLines(log: string): string[] {
  const lines: string[] = [];
  const unfinished = new Map<string, number>();
  for (const line of readFileSync(log, 'latin1').split('\n')) {
    const [, thread = '', rest = ''] = RESUMED.exec(line) ?? [];
    const begun = unfinished.get(thread);
    if (begun !== undefined) {
      lines[begun] += rest;
      unfinished.delete(thread);
      continue;
    }
    if (line.endsWith('<unfinished ...>')) unfinished.set(line.split(' ')[0] ?? '', lines.length);
    lines.push(line);
  }
  return lines;
}
