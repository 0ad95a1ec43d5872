/** System calls as recorded by strace: in the order in which they started, each with the point by which it returned. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

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
}

/** The format that readSystemCalls() reads: with the wall clock, and with every string complete and in hexadecimal. */
const FORMAT = ['-ttt', '-xx', '-s', '100000'];

/**
 * The command under which to start a program. The program keeps the process id.
 * @param recordPath is complete once the program's output has ended
 * @param paths only calls on these are recorded; they need not exist yet
 */
export function straceTo(recordPath: string, calls: readonly string[], paths: readonly string[]): string[] {
  const only = ['-e', `trace=${calls.join(',')}`, ...paths.flatMap((path) => ['-P', path])];
  return ['strace', '-f', '-D', '--seccomp-bpf', ...FORMAT, '-o', recordPath, ...only];
}

/** @param recordPaths the records of consecutive runs */
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
    } else assert.match(what, SIGNAL_OR_EXIT, 'a line of strace');
  }
  return calls;
}

const STARTED = /^(\w+)\(([^()<>]*)(?:\) += (-?\d+|\?)| <unfinished \.\.\.>)/;
const RESUMED = /^<\.\.\. \w+ resumed>.*\) += (-?\d+|\?)/;
const SIGNAL_OR_EXIT = /^(\+\+\+|---) /;

function end(call: SystemCall, at: number, returned: string): void {
  if (returned === '?') return; // it was killed during the call
  call.endedAt = at;
  call.result = Number(returned);
}

/** The bytes of a string argument. */
export function bytesOf(argument: string): Buffer {
  assert.match(argument.slice(0, 3) + argument.slice(-1), /^"\\x"|^""$/, 'a complete string');
  return Buffer.from(argument.slice(1, -1).replaceAll('\\x', ''), 'hex');
}
