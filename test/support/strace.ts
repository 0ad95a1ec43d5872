/** Starts a program under strace, which makes system calls on chosen files fail and records them. */

import { readFileSync } from 'node:fs';

export interface Tracing {
  /** The file to which strace writes; a different one for each start. */
  readonly log: string;
  /** Only calls on these files are recorded and get faults; if empty, calls on all files. */
  readonly files?: readonly string[];
  /** As strace's `--inject`: `fsync:error=EIO:when=3`. */
  readonly inject?: readonly string[];
}

/** The system calls that change a file. */
const CALLS = 'pwrite64,write,ftruncate,fsync,fdatasync,fallocate,unlink';

/** @returns the beginning of a command line; the process id stays the program's own */
export function strace({ log, files = [], inject = [] }: Tracing): string[] {
  // Stopping only at these calls keeps HTTP fast, but then strace cannot inject signals.
  const speed = inject.some((what) => what.includes(':signal=')) ? [] : ['--seccomp-bpf'];
  return [
    ...['strace', '-D', '-f', '-qq', '-y', '-ttt', '-s', '0', ...speed, '-o', log, '-e', `trace=${CALLS}`],
    ...files.flatMap((file) => ['-P', file]),
    ...inject.flatMap((what) => ['-e', `inject=${what}`]),
  ];
}

export interface Call {
  /** When it started; wall clock, milliseconds. */
  readonly atMs: number;
  readonly name: string;
  /** The file's path, or the path that was given. */
  readonly file: string;
  /** `EIO`, injected or not; undefined if it did not fail, or if its end was not recorded. */
  readonly error: string | undefined;
}

const LINE = /^\d+ +(\d+\.\d+) (\w+)\((?:\d+<([^>]*)>|"([^"]*)")(.*)$/;

/** Calls on files whose path begins with `path`, in order. Sockets and terminals have other paths. */
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

/** A call that overlaps with one of another thread is on two lines, with its result on the second. */
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
