/** Starts a program under strace, which records its system calls on chosen files and can make them fail. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Program, ProgramFolder } from '../../support/program.ts';

export interface Tracing {
  /** Only calls on these files are recorded and get faults; if empty, calls on all files. */
  readonly files?: readonly string[];
  /** As strace's `--inject`: `fsync:error=EIO:when=3`. */
  readonly inject?: readonly string[];
}

export interface TracedProgram extends Program {
  /** Its calls so far on files whose path begins with `path`, by default the database's. Not sockets, not terminals. */
  calls(path?: string): Call[];
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

/** The system calls that change a file. */
const CHANGES = 'pwrite64,write,ftruncate,fsync,fdatasync,fallocate,unlink'.split(',');

let records = 0;

/** The process id is the program's own. */
export function startTraced(folder: ProgramFolder, { files = [], inject = [] }: Tracing): TracedProgram {
  const recordPath = join(folder.path, `trace-${records++}`);
  const faults = inject.flatMap((what) => ['-e', `inject=${what}`]);
  const format = ['-qq', '-y', '-s', '0', ...faults];
  const program = folder.start({}, straceTo(recordPath, { calls: CHANGES, paths: files, format }));
  return {
    ...program,
    calls: (path = folder.databasePath) =>
      readSystemCalls([recordPath])
        .map(({ startedMs, name, args: [first = ''], error }) => {
          const [, opened, named] = /^\d+<([^>]*)>$|^"([^"]*)"$/.exec(first) ?? [];
          return { atMs: startedMs, name, file: opened ?? named ?? '', error };
        })
        .filter(({ file }) => file.startsWith(path)),
  };
}

export interface RecordOptions {
  readonly calls: readonly string[];
  /** Only calls on these are recorded; they need not exist yet. If empty, all. */
  readonly paths: readonly string[];
  /** Further options of strace. */
  readonly format: readonly string[];
}

/**
 * The command under which to start a program. The program keeps the process id.
 * @param recordPath is complete once the program's output has ended
 */
export function straceTo(recordPath: string, { calls, paths, format }: RecordOptions): string[] {
  // Stopping only at these calls keeps HTTP fast, but then strace cannot inject signals.
  const speed = format.some((option) => option.includes(':signal=')) ? [] : ['--seccomp-bpf'];
  const only = ['-e', `trace=${calls.join(',')}`, ...paths.flatMap((path) => ['-P', path])];
  return ['strace', '-f', '-D', '-ttt', ...speed, ...format, '-o', recordPath, ...only];
}

export interface SystemCall {
  readonly name: string;
  readonly args: readonly string[];
  /** The index of its line: from here on it may have had an effect. */
  readonly startedAt: number;
  /** Wall clock, fractional milliseconds. */
  readonly startedMs: number;
  /** From here on it is known to have returned; Infinity if it never did. */
  endedAt: number;
  /** Undefined if it never returned. */
  result: number | undefined;
  /** `EIO`; undefined if it did not fail, or never returned. */
  error: string | undefined;
}

const STARTED = /^(\w+)\((.*?)(?:\) += (.+)| <unfinished \.\.\.>)$/;
const RESUMED = /^<\.\.\. \w+ resumed>.*\) += (.+)$/;
const RESULT = /^(-?\d+)(?: (E[A-Z]+))?/;
/** A signal, the end of a process, or a call that strace could not read because the process was being killed. */
const NO_CALL = /^(\+\+\+|---|\?\?\?\( <unfinished) /;

/**
 * The recorded calls in the order in which they started. A call that overlaps with one of another thread is on two
 * lines, with its result on the second.
 * @param recordPaths the records of consecutive starts
 */
export function readSystemCalls(recordPaths: readonly string[]): SystemCall[] {
  const calls: SystemCall[] = [];
  const unfinished = new Map<string, SystemCall>();
  const lines = recordPaths.flatMap((path) => readFileSync(path, 'latin1').split('\n').slice(0, -1));
  for (const [at, line] of lines.entries()) {
    const [, thread = '', seconds, what = ''] = /^(\d+) +(\d+\.\d+) (.*)$/.exec(line) ?? [];
    const [, name, args = '', returned] = STARTED.exec(what) ?? [];
    if (name !== undefined) {
      const call: SystemCall = {
        name,
        args: args.split(', '),
        startedAt: at,
        startedMs: Number(seconds) * 1000,
        endedAt: Infinity,
        result: undefined,
        error: undefined,
      };
      calls.push(call);
      if (returned === undefined) unfinished.set(thread, call);
      else end(call, at, returned);
      continue;
    }
    const [, resumed] = RESUMED.exec(what) ?? [];
    const call = unfinished.get(thread);
    if (resumed !== undefined && call !== undefined) {
      unfinished.delete(thread);
      end(call, at, resumed);
    } else assert.match(what, NO_CALL, 'a line of strace');
  }
  return calls;
}

function end(call: SystemCall, at: number, returned: string): void {
  const [, result, error] = RESULT.exec(returned) ?? [];
  if (result === undefined) return; // it was killed during the call
  call.endedAt = at;
  call.result = Number(result);
  call.error = error;
}

/** The bytes of a string argument. */
export function bytesOf(argument: string): Buffer {
  assert.match(argument.slice(0, 3) + argument.slice(-1), /^"\\x"|^""$/, 'a complete string');
  return Buffer.from(argument.slice(1, -1).replaceAll('\\x', ''), 'hex');
}
