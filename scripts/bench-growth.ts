/** `./irisx bench:growth`: how speed, size and start-up time change as the log grows. */

import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { IRISX } from '../src/core/packaging.ts';
import { engineOf } from '../src/engines/engine-of.ts';
import { derivations } from '../src/projections/index.ts';
import { RECEIVER, startContestant } from './bench/contestants.ts';
import { loadServer, runBeside } from './bench/measure.ts';
import { type Arguments, runCommand, UsageError } from './cli/command.ts';

const USAGE = `
${IRISX} bench:growth [options]
Fills a log in steps. Prints for each step: deliveries per second (closed loop, 64 connections), p99 at half of the
empty log's rate (open loop), the same p99 during a rebuild of the tables, bytes on disk per event, the time from the
start to the first 200, the rebuild rate and its ratio to the rate of only reading and parsing the log, and the time
that all report views take. Five million events take about an hour and 8 GB.

  --events N   events in the last step; default 5000000
  --folder F   where the log is made and kept; default: a temporary folder that is removed
`;

const OPTIONS = { events: { type: 'string' }, folder: { type: 'string' } } as const;

/** As fractions of the last step. */
const STEPS = [0, 0.1, 0.25, 0.5, 1];
const CONNECTIONS = 64;
const SECONDS = 6;
const WARM_UP_SECONDS = 2;

interface Step {
  readonly events: number;
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly rebuildingP99Ms: number;
  readonly bytesAnEvent: number;
  readonly startMs: number;
  readonly rebuiltPerSecond: number;
  readonly parsedPerSecond: number;
  readonly reportMs: number;
}

async function main({ values }: Arguments<typeof OPTIONS>): Promise<number> {
  const eventsMax = Number(values.events ?? 5_000_000);
  if (!Number.isInteger(eventsMax) || eventsMax < 1000)
    throw new UsageError('--events must be a whole number of at least 1000');
  const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'irisx-growth-'));
  mkdirSync(folder, { recursive: true });
  try {
    const steps: Step[] = [];
    for (const [index, share] of STEPS.entries()) {
      fill(folder, Math.round(eventsMax * share), index);
      steps.push(await measureStep(folder, index, steps[0]?.perSecond));
      process.stdout.write(`${(index === 0 ? [HEADER] : []).concat(row(steps, index)).join('\n')}\n`);
    }
    return 0;
  } finally {
    if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

function databasePath(folder: string): string {
  return join(folder, 'data/irisx.db');
}

function fill(folder: string, target: number, seed: number): void {
  const path = databasePath(folder);
  const there = statSync(path, { throwIfNoEntry: false }) === undefined ? 0 : countEvents(path);
  if (target > there) runBeside('fill', path, String(target - there), String(1000 + seed));
}

function countEvents(path: string): number {
  const database = new Sqlite(path, { readonly: true });
  try {
    return Number(database.prepare('SELECT max(seq) FROM events').pluck().get() ?? 0);
  } finally {
    database.close();
  }
}

async function measureStep(folder: string, index: number, emptyPerSecond?: number): Promise<Step> {
  const closed = { connections: CONNECTIONS, seconds: SECONDS, warmUpSeconds: WARM_UP_SECONDS };
  const startedMs = performance.now();
  const server = await startContestant(RECEIVER, { folder });
  let startMs: number;
  let perSecond: number;
  let p99Ms: number;
  let rebuildingP99Ms: number;
  try {
    while (!(await fetch(`http://127.0.0.1:${server.port}/health`)).ok);
    startMs = performance.now() - startedMs;
    const throughput = await loadServer(server.port, {
      ...closed,
      seed: 2000 + index,
      ratePerSecond: undefined,
    });
    perSecond = throughput.answered / throughput.seconds;
    const ratePerSecond = Math.round((emptyPerSecond ?? perSecond) / 2);
    const open = { ...closed, ratePerSecond };
    p99Ms = (await loadServer(server.port, { ...open, seed: 3000 + index })).p99Ms;
    rebuildingP99Ms = await whileRebuilding(
      databasePath(folder),
      async () => (await loadServer(server.port, { ...open, seed: 4000 + index })).p99Ms,
    );
  } finally {
    await server.stop();
  }
  const path = databasePath(folder);
  const events = countEvents(path);
  return {
    events,
    perSecond,
    p99Ms,
    rebuildingP99Ms,
    bytesAnEvent: statSync(path).size / events,
    startMs,
    ...(await rebuildRates(path, events)),
    reportMs: reportMs(path),
  };
}

/** Does `work` while a separate process rebuilds the tables, then waits for that process to end. */
async function whileRebuilding<T>(path: string, work: () => Promise<T>): Promise<T> {
  const child = fork(join(import.meta.dirname, 'bench/rebuild-again.ts'), [path], {
    execArgv: [],
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const result = await work().finally(() => {
    if (child.connected) child.disconnect();
  });
  const code = await ended;
  if (code !== 0) throw new Error(`the rebuild next to the server exited with code ${code}`);
  return result;
}

async function rebuildRates(path: string, events: number) {
  const startedMs = performance.now();
  await engineOf(path, derivations).rebuild({ projections: derivations.projections });
  const rebuiltPerSecond = (events * 1000) / (performance.now() - startedMs);
  const database = new Sqlite(path, { readonly: true });
  try {
    const parsedMs = performance.now();
    let read = 0;
    for (const body of database.prepare('SELECT body FROM events ORDER BY seq').pluck().iterate()) {
      JSON.parse(Buffer.from(body as Uint8Array).toString());
      read += 1;
    }
    return { rebuiltPerSecond, parsedPerSecond: (read * 1000) / (performance.now() - parsedMs) };
  } finally {
    database.close();
  }
}

function reportMs(path: string): number {
  const database = new Sqlite(path, { readonly: true });
  try {
    const startedMs = performance.now();
    for (const { name } of derivations.views) database.prepare(`SELECT count(*) FROM ${name}`).get();
    return performance.now() - startedMs;
  } finally {
    database.close();
  }
}

const COLUMNS: readonly (readonly [title: string, of: (step: Step, first: Step) => string])[] = [
  ['events', ({ events }) => whole(events)],
  ['deliveries/s', ({ perSecond }) => whole(perSecond)],
  ['of empty', ({ perSecond }, first) => (perSecond / first.perSecond).toFixed(2)],
  ['p99 ms', ({ p99Ms }) => p99Ms.toFixed(2)],
  ['rebuilding', ({ rebuildingP99Ms }) => rebuildingP99Ms.toFixed(2)],
  ['bytes/event', ({ bytesAnEvent }) => whole(bytesAnEvent)],
  ['start ms', ({ startMs }) => whole(startMs)],
  ['rebuilt/s', ({ rebuiltPerSecond }) => whole(rebuiltPerSecond)],
  ['of parsing', (step) => (step.rebuiltPerSecond / step.parsedPerSecond).toFixed(2)],
  ['reports ms', (step) => whole(step.reportMs)],
];
const WIDTH = 14;
const HEADER = COLUMNS.map(([title]) => title.padStart(WIDTH)).join('');

function row(steps: readonly Step[], index: number): string {
  const step = steps[index];
  const [first] = steps;
  if (step === undefined || first === undefined) return '';
  return COLUMNS.map(([, of]) => of(step, first).padStart(WIDTH)).join('');
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

await runCommand(USAGE, OPTIONS, main, false);
