/** A server that is started as a user starts it: by `npm start`, `./irisx`, the bundle or the image’s command. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { until } from './receiver.ts';

export interface StartedServer {
  /** What it has written so far, including errors. */
  output(): string;
  /** Sends SIGTERM to it and its child processes. @returns its exit code */
  stop(): Promise<number | null>;
}

/**
 * Resolves when it listens.
 * @param env its whole environment, apart from PATH
 * @throws AssertionError with what it wrote, if it has ended instead
 */
export async function startServer(
  command: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<StartedServer> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { cwd, env: { PATH: process.env['PATH'] ?? '', ...env }, detached: true });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += String(chunk);
    });
  }
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  await until(() => output.includes('/webhooks') || child.exitCode !== null, 'the start', 30_000);
  assert.equal(child.exitCode, null, output);
  return {
    output: () => output,
    async stop() {
      if (child.exitCode === null) process.kill(-(child.pid ?? 0), 'SIGTERM');
      return exit;
    },
  };
}
