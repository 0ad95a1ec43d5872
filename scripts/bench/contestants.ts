/** The servers under test. Each is a separate process in a folder, with its output in a file. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

export interface Contestant {
  readonly name: string;
  /** The arguments for node: the program, and its arguments. */
  readonly program: readonly string[];
  /** The module of its handlers. */
  readonly handlers?: string;
}

export const BENCH_SECRET = 'be'.repeat(32);
const START_MS_MAX = 10_000;

export const BARE: Contestant = {
  name: '(a) bare node:http, no storage',
  program: [join(import.meta.dirname, 'bare.ts')],
};
/** As `npm start` starts it. */
export const RECEIVER: Contestant = {
  name: '    this receiver',
  program: ['--max-semi-space-size=4', join(import.meta.dirname, '../irisx.mjs'), 'serve'],
};
/** With a handler for each event. */
export const RECEIVER_WITH_HANDLERS: Contestant = {
  ...RECEIVER,
  name: '    this receiver, with handlers',
  handlers: join(import.meta.dirname, 'some-handlers.ts'),
};

/**
 * Starts a server and gives it to `work` once it listens. Then ends it.
 * @param options `folder`: where it runs, by default a new folder that is removed; `cpu`: the only processor it may use
 * @throws Error if it does not start
 */
export async function withContestant<T>(
  { name, program, handlers }: Contestant,
  work: (server: { readonly port: number; readonly pid: number }) => Promise<T>,
  options: { readonly folder?: string; readonly cpu?: number | undefined } = {},
): Promise<T> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'irisx-bench-'));
  const output = join(folder, 'output');
  const file = openSync(output, 'w');
  const pin = options.cpu === undefined ? [] : ['taskset', '-c', String(options.cpu)];
  const [command = '', ...args] = [...pin, process.execPath, ...program];
  const child = spawn(command, args, {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      LOG_FORMAT: 'text',
      PORT: '0',
      HOST: '127.0.0.1',
      WEBHOOK_SECRET: BENCH_SECRET,
      HANDLERS: handlers,
    },
    stdio: ['ignore', file, file],
  });
  const exited = once(child, 'exit');
  try {
    for (let waitedMs = 0; waitedMs < START_MS_MAX; waitedMs += 2) {
      const text = readFileSync(output, 'latin1').slice(0, 4096);
      const port = /(?:port |:)(\d{4,5})(?:\/webhooks)?$/m.exec(text)?.[1];
      if (port !== undefined) return await work({ port: Number(port), pid: child.pid ?? 0 });
      await wait(2);
    }
    throw new Error(`${name} did not start within ${START_MS_MAX} ms: ${readFileSync(output, 'latin1')}`);
  } finally {
    child.kill('SIGTERM');
    await exited;
    closeSync(file);
    if (options.folder === undefined) rmSync(folder, { recursive: true });
  }
}
