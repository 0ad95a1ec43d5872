/** Runs one of the commands as a separate process, with only the given environment. */

import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { IRISX_PROGRAM } from '../support/program.ts';

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  /** The working folder, from which a `.env` would be read. */
  readonly cwd?: string;
}

/** A command that takes longer is considered hung. It is killed, and its exit code is null. */
const RUN_MS_MAX = 60_000;

/** @param name the name of the command, as in `./irisx` */
export function runScript(
  name: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  return run(process.execPath, [...IRISX_PROGRAM, name, ...args], options);
}

/** Runs a program to completion. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd ?? tmpdir(),
      env: { PATH: process.env['PATH'] ?? '', ...options.env },
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS_MAX);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
    child.stdin.on('error', () => {}); // a script that refuses its arguments reads nothing
    child.stdin.end(options.stdin ?? '');
  });
}
