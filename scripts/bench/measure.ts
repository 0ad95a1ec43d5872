/** One measurement: starts a new server and a load generator, and returns the result. */

import { fork, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BENCH_SECRET, type Contestant, type Running, startContestant } from './contestants.ts';
import type { Run, RunResult } from './generator.ts';

type FromGenerator =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly result: RunResult }
  | { readonly kind: 'failed'; readonly text: string };

export type Load = Pick<Run, 'connections' | 'seconds' | 'warmUpSeconds' | 'seed' | 'ratePerSecond'>;

/** The rate of bare node:http on a fast machine. A run prepares enough deliveries for this rate. */
const RATE_MAX = 100_000;

/** Runs a generator against a running server. */
export function loadServer(port: number, load: Load): Promise<RunResult> {
  const run: Run = { ...load, port, secret: BENCH_SECRET, ratePerSecondMax: RATE_MAX };
  const generator = fork(join(import.meta.dirname, 'generator.ts'), { execArgv: [] });
  return new Promise<RunResult>((resolve, reject) => {
    generator.on('message', (message: FromGenerator) => {
      if (message.kind === 'ready') generator.send('go');
      else if (message.kind === 'result') resolve(message.result);
      else reject(new Error(`the generator failed: ${message.text}`));
    });
    generator.on('exit', (code) => reject(new Error(`the generator exited with code ${code}`)));
    generator.send(run);
  }).finally(() => generator.kill('SIGKILL'));
}

/** @param cpu pins the server to this processor */
export async function measure(contestant: Contestant, load: Load, cpu?: number): Promise<RunResult> {
  const server: Running = await startContestant(contestant, { cpu });
  try {
    const result = await loadServer(server.port, load);
    if (result.failed > 0)
      throw new Error(`${contestant.name}: ${result.failed} deliveries were not answered 200`);
    return result;
  } finally {
    await server.stop();
  }
}

/** Events per second of the writer's code alone. */
export function measureStorage(batchDeliveries: number, seconds: number): number {
  const folder = mkdtempSync(join(tmpdir(), 'irisx-bench-'));
  try {
    const said = runBeside('storage', folder, String(batchDeliveries), String(seconds));
    const { events, seconds: tookS } = JSON.parse(said) as { events: number; seconds: number };
    return events / tookS;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs a program from this folder to completion. @returns what it printed */
export function runBeside(name: string, ...args: string[]): string {
  const program = join(import.meta.dirname, `${name}.ts`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${name} ${args.join(' ')} failed: ${stderr}`);
  return stdout;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
