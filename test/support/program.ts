/** The program as a separate process in its own folder. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { contains, query, SECRET, temporaryFolder, until } from './receiver.ts';

/** The arguments with which `./irisx` starts the program; the name of a command follows. */
export const IRISX_PROGRAM: readonly string[] = [
  '--max-semi-space-size=4',
  join(import.meta.dirname, '../../scripts/irisx.mjs'),
];

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Program {
  readonly pid: number;
  readonly folder: string;
  readonly databasePath: string;
  /** How it ended. @throws Error with its output if it does not end within 30 s */
  ended(): Promise<Exit>;
  /** What it has written so far. */
  output(): string;
  errors(): string;
  /** Resolves when its output contains this. @throws Error with its output if it does not in time */
  printed(text: string | RegExp): Promise<void>;
  /** @returns its port and URL, once it has reported that it listens */
  listening(): Promise<{ port: number; url: string }>;
  kill(signal: NodeJS.Signals): void;
  /** Sends a signal and waits. @returns how it ended */
  end(signal: NodeJS.Signals): Promise<Exit>;
  /** Ends it with SIGTERM. @throws AssertionError with its output if it does not end cleanly */
  stop(): Promise<void>;
  /** Kills it and everything that it has started. */
  killAll(): void;
  /** Rows of a query on its database. */
  rows(sql: string, ...values: unknown[]): Record<string, unknown>[];
}

export interface ProgramFolder {
  readonly path: string;
  readonly databasePath: string;
  /**
   * @param under a command that replaces itself with the program, so that the process id stays the same
   */
  start(env?: Record<string, string>, under?: readonly string[]): Program;
  /** Kills all remaining processes and removes the folder. */
  remove(): Promise<void>;
}

/**
 * A folder in which the program can be started, several times if necessary.
 * @param always the environment of each start, apart from what start() adds
 */
export function programFolder(always: Record<string, string> = {}): ProgramFolder {
  const folder = temporaryFolder();
  const programs: Program[] = [];
  return {
    path: folder.path,
    databasePath: join(folder.path, DATABASE),
    start(env = {}, under = []) {
      const command = [...under, process.execPath, ...IRISX_PROGRAM];
      const program = startProgram(command, folder.path, { ...BY_DEFAULT, ...always, ...env });
      programs.push(program);
      return program;
    },
    async remove() {
      for (const program of programs) program.killAll();
      await Promise.all(programs.map((program) => program.ended()));
      folder.remove();
    },
  };
}

const DATABASE = 'data/irisx.db';
const BY_DEFAULT = { PORT: '0', HOST: '127.0.0.1', ADMIN_PORT: '0', WEBHOOK_SECRET: SECRET };

const END_MS_MAX = 30_000;

/**
 * Starts the program by any command, for instance as a user does.
 * @param env its whole environment, apart from PATH
 */
export function startProgram(
  command: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>>,
): Program {
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a separate process group
  });
  let output = '';
  let errors = '';
  let hasEnded = false;
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    errors += String(chunk);
  });
  const exit = new Promise<Exit>((resolve) => {
    child.on('close', (code, signal) => {
      hasEnded = true;
      resolve({ code, signal });
    });
  });
  const tooLate = async () => {
    await pause(END_MS_MAX, undefined, { ref: false });
    throw new Error(`process ${child.pid} has not ended within ${END_MS_MAX} ms: ${output}`);
  };
  const ended = () => Promise.race([exit, tooLate()]);
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return ended();
  };
  return {
    pid: child.pid ?? 0,
    folder,
    databasePath: join(folder, DATABASE),
    ended,
    output: () => output,
    errors: () => errors,
    printed: (text) => until(() => contains(output, text), `it prints ${text}`),
    async listening() {
      const url = /http:\/\/[^\s"]*:(\d+)(?=\/webhooks)/;
      await until(() => hasEnded || url.test(output), 'listening', 30_000);
      const [found, port] = url.exec(output) ?? [];
      if (found === undefined) throw new Error(`it ended before it listened: ${output}${errors}`);
      return { port: Number(port), url: found };
    },
    kill: (signal) => void child.kill(signal),
    end,
    async stop() {
      assert.deepEqual(await end('SIGTERM'), { code: 0, signal: null }, output + errors);
    },
    killAll() {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH'); // they have ended
      }
    },
    rows: (sql, ...values) => query(join(folder, DATABASE), sql, ...values),
  };
}
