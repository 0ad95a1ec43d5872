/** The measuring programs of this folder. Each runs as a separate process and prints its result as JSON. */

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AppendOptions, AppendResult } from './append-samples.ts';
import type { Load, LoadResult } from './generator.ts';

const execute = promisify(execFile);

async function resultOf<T>(program: string, options: object): Promise<T> {
  const args = [join(import.meta.dirname, `${program}.ts`), JSON.stringify(options)];
  return JSON.parse((await execute(process.execPath, args)).stdout);
}

/** Sends deliveries to a running server. */
export function sendLoad(load: Load): Promise<LoadResult> {
  return resultOf('generator', load);
}

/** Appends sample events to a database, which is created if it does not exist. */
export function appendSamples(options: AppendOptions): Promise<AppendResult> {
  return resultOf('append-samples', options);
}

/** Prints a row of a table whose other rows are not known yet. */
export function printRow(cells: readonly string[]): void {
  process.stdout.write(`${cells.map((cell) => cell.padStart(14)).join('')}\n`);
}

/** @returns events per second of the writer's code alone, in a new database */
export async function writerRate(batchDeliveries: number, seconds: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'irisx-bench-'));
  try {
    const databasePath = join(folder, 'irisx.db');
    const options = { databasePath, seed: 1, batchDeliveries, secondsMax: seconds };
    return (await appendSamples(options)).perSecond;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
