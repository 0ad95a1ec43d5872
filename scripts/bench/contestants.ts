/** The servers under test. Each is a separate process in a new folder, with its output in a file. */

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

export interface Contestant {
  readonly letter: string;
  readonly name: string;
  /** The arguments for node: the program, and its own arguments. */
  readonly program: readonly string[];
  /** In addition to the variables that every contestant gets. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Running {
  readonly port: number;
  readonly pid: number;
  readonly folder: string;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

export const BENCH_SECRET = 'be'.repeat(32);
const START_MS_MAX = 10_000;

const expressFolder = join(import.meta.dirname, 'express');

export const BARE: Contestant = {
  letter: 'a',
  name: 'bare node:http, no storage',
  program: [join(import.meta.dirname, 'bare.ts')],
};
export const EXPRESS: Contestant = {
  letter: 'b',
  name: 'Express 4 as documented, no storage',
  program: [join(expressFolder, 'server.js')],
};
export const ONE_BY_ONE: Contestant = {
  letter: 'c',
  name: 'one transaction per event',
  program: [join(import.meta.dirname, 'one-by-one.ts')],
};
/** As `npm start` starts it. */
export const RECEIVER: Contestant = {
  letter: '',
  name: 'this receiver',
  program: ['--max-semi-space-size=4', join(import.meta.dirname, '../irisx.mjs'), 'serve'],
};

/** The receiver with a handler for each event. */
export const RECEIVER_WITH_HANDLERS: Contestant = {
  ...RECEIVER,
  name: 'this receiver, with handlers',
  env: { HANDLERS: join(import.meta.dirname, 'some-handlers.ts') },
};

/** Express is not a dependency of this project. It is installed once, in the folder of its server. */
export function installExpress(): void {
  if (existsSync(join(expressFolder, 'node_modules'))) return;
  const { status, stderr } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: expressFolder,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`Express cannot be installed in scripts/bench/express: ${stderr}`);
}

export interface StartOptions {
  /** Pins the server to this processor. */
  readonly cpu?: number | undefined;
  /** The folder in which it runs, which is kept; by default a new folder that is removed. */
  readonly folder?: string;
}

/** Resolves when the server listens. */
export async function startContestant(contestant: Contestant, options: StartOptions = {}): Promise<Running> {
  const { cpu } = options;
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'irisx-bench-'));
  const output = join(folder, 'output');
  const file = openSync(output, 'w');
  const pin = cpu === undefined ? [] : ['taskset', '-c', String(cpu)];
  const [command = '', ...args] = [...pin, process.execPath, ...contestant.program];
  const child = spawn(command, args, {
    cwd: folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_ENV: 'production',
      LOG_FORMAT: 'text',
      PORT: '0',
      HOST: '127.0.0.1',
      WEBHOOK_SECRET: BENCH_SECRET,
      DATABASE_PATH: join(folder, 'events.db'),
      ...contestant.env,
    },
    stdio: ['ignore', file, file],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
    closeSync(file);
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
  };
  for (let waitedMs = 0; waitedMs < START_MS_MAX; waitedMs += 2) {
    const head = readFileSync(output, 'latin1').slice(0, 4096);
    const port = /(?:port |:)(\d{4,5})(?:\/webhooks)?$/m.exec(head)?.[1];
    if (port !== undefined) return { port: Number(port), pid: child.pid ?? 0, folder, stop };
    await wait(2);
  }
  const said = readFileSync(output, 'latin1').slice(0, 1000);
  await stop();
  throw new Error(`${contestant.name} did not start within ${START_MS_MAX} ms: ${said}`);
}
