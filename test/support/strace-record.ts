/** System calls as strace wrote them down: in the order in which they started, each with when it is known to have returned. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

export interface SystemCall {
  readonly name: string;
  readonly args: readonly string[];
  /** Its place among the lines: it may have had an effect from here on. */
  readonly startedAt: number;
  /** Wall clock, milliseconds with their fraction. */
  readonly startedMs: number;
  /** From here on it is known to have returned; Infinity if it never did. */
  endedAt: number;
  /** Undefined if it never returned. */
  result: number | undefined;
}

/** The format that readSystemCalls() reads: wall clock, and every string whole and as hexadecimal digits. */
const FORMAT = ['-ttt', '-xx', '-s', '100000'];

/**
 * The command to start a program under, whose process id stays its own.
 * @param recordPath is whole once the program's output has ended
 * @param paths only calls on these are recorded; they need not exist yet
 */
export function straceTo(recordPath: string, calls: readonly string[], paths: readonly string[]): string[] {
  const only = ['-e', `trace=${calls.join(',')}`, ...paths.flatMap((path) => ['-P', path])];
  return ['strace', '-f', '-D', '--seccomp-bpf', ...FORMAT, '-o', recordPath, ...only];
}

/** @param recordPaths of one run after the other */
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
  if (returned === '?') return; // it was killed in the midst of it
  call.endedAt = at;
  call.result = Number(returned);
}

/** The bytes of a string argument. */
export function bytesOf(argument: string): Buffer {
  assert.match(argument.slice(0, 3) + argument.slice(-1), /^"\\x"|^""$/, 'a string, whole');
  return Buffer.from(argument.slice(1, -1).replaceAll('\\x', ''), 'hex');
}
