/** The program as a separate process in its own folder. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { query, SECRET, temporaryFolder, until } from './receiver.ts';

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
  readonly exit: Promise<Exit>;
  /** What it has written so far. */
  output(): string;
  errors(): string;
  /** @returns its port and URL, once it has reported that it listens */
  listening(): Promise<{ port: number; url: string }>;
  kill(signal: NodeJS.Signals): void;
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

/** A folder in which the program can be started, several times if necessary. */
export function programFolder(): ProgramFolder {
  const folder = temporaryFolder();
  const programs: Program[] = [];
  return {
    path: folder.path,
    databasePath: join(folder.path, DATABASE),
    start(env = {}, under = []) {
      const program = startProgram(folder.path, env, [...under, process.execPath, ...IRISX_PROGRAM]);
      programs.push(program);
      return program;
    },
    async remove() {
      for (const program of programs) program.killAll();
      await Promise.all(programs.map(({ exit }) => exit));
      folder.remove();
    },
  };
}

const DATABASE = 'data/irisx.db';

const END_MS_MAX = 30_000;

/** @returns how it ended @throws Error if it does not end in time */
export async function ended(program: Program): Promise<Exit> {
  let exit: Exit | undefined;
  void program.exit.then((how) => {
    exit = how;
  });
  await until(() => exit !== undefined, `process ${program.pid} ends: ${program.output()}`, END_MS_MAX);
  return program.exit;
}

function startProgram(folder: string, env: Record<string, string>, command: readonly string[]): Program {
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    cwd: folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      PORT: '0',
      HOST: '127.0.0.1',
      ADMIN_PORT: '0',
      WEBHOOK_SECRET: SECRET,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a separate process group
  });
  let output = '';
  let errors = '';
  let ended = false;
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    errors += String(chunk);
  });
  const exit = new Promise<Exit>((resolve) => {
    child.on('close', (code, signal) => {
      ended = true;
      resolve({ code, signal });
    });
  });
  return {
    pid: child.pid ?? 0,
    folder,
    databasePath: join(folder, DATABASE),
    exit,
    output: () => output,
    errors: () => errors,
    async listening() {
      const url = /http:\/\/[^\s"]*:(\d+)(?=\/webhooks)/;
      await until(() => ended || url.test(output), 'listening', 30_000);
      const [found, port] = url.exec(output) ?? [];
      if (found === undefined) throw new Error(`it ended before it listened: ${output}${errors}`);
      return { port: Number(port), url: found };
    },
    kill: (signal) => void child.kill(signal),
    killAll() {
      try {
        process.kill(-(child.pid ?? 0), 'SIGKILL');
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH'); // they have ended
      }
    },
    rows: (sql, ...values) => query(join(folder, DATABASE), sql, ...values),
  };
}
