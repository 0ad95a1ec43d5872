/** `./irisx bench:growth`: how speed, size and start-up time change as the log grows. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { BATCH_DELIVERIES_MAX } from '../src/core/limits.ts';
import { IRISX } from '../src/core/packaging.ts';
import { engineOf } from '../src/engines/engine-of.ts';
import { derivations } from '../src/projections/index.ts';
import { RECEIVER, withContestant } from './bench/contestants.ts';
import { appendSamples, printRow, sendLoad } from './bench/measure.ts';
import { type Arguments, executeCommand } from './cli/command.ts';
import { grouped } from './cli/numbers.ts';
import { TEXT, whole } from './cli/options.ts';

const USAGE = `
${IRISX} bench:growth [options]
Fills a log in steps. Prints for each step: deliveries per second (closed loop, 64 connections), p99 at half of the
empty log's rate (open loop), the same p99 during a rebuild of the tables, bytes on disk per event, the time from the
start to the first 200, the rebuild rate and its ratio to the rate of only reading and parsing the log, and the time
that all report views take. Five million events take about an hour and 8 GB.

  --events N   events in the last step; default 5000000
  --folder F   where the log is made and kept; default: a temporary folder that is removed
`;

const EVENTS_MIN = 1000;
const OPTIONS = { events: whole(EVENTS_MIN, Number.MAX_SAFE_INTEGER), folder: TEXT };
const EVENTS_DEFAULT = 5_000_000;
/** As fractions of the last step. */
const STEPS = [0, 0.1, 0.25, 0.5, 1];
const CONNECTIONS = 64;
const SECONDS = 6;
const WARM_UP_SECONDS = 2;

async function main({ values }: Arguments<typeof OPTIONS>): Promise<number> {
  const { events: eventsMax = EVENTS_DEFAULT } = values;
  const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'irisx-growth-'));
  const databasePath = join(folder, 'data/irisx.db');
  mkdirSync(join(folder, 'data'), { recursive: true });
  try {
    printRow(Object.keys(COLUMNS));
    const steps: Step[] = [];
    for (const [index, share] of STEPS.entries()) {
      await appendSamples({
        databasePath,
        seed: 1000 + index,
        batchDeliveries: BATCH_DELIVERIES_MAX,
        eventsInLog: Math.round(eventsMax * share),
      });
      const step = await measureStep(folder, databasePath, index, steps[0]?.perSecond);
      steps.push(step);
      printRow(Object.values(COLUMNS).map((textOf) => textOf(step, steps[0] ?? step)));
    }
    return 0;
  } finally {
    if (values.folder === undefined) rmSync(folder, { recursive: true });
  }
}

type Step = Awaited<ReturnType<typeof measureStep>>;

async function measureStep(folder: string, databasePath: string, seed: number, emptyPerSecond?: number) {
  const measureServer = async (port: number) => {
    while (!(await fetch(`http://127.0.0.1:${port}/health`)).ok);
    const startMs = performance.now() - startedMs;
    const closed = { port, connections: CONNECTIONS, seconds: SECONDS, warmUpSeconds: WARM_UP_SECONDS };
    const { perSecond } = await sendLoad({ ...closed, seed: 2000 + seed });
    const open = { ...closed, ratePerSecond: Math.round((emptyPerSecond ?? perSecond) / 2) };
    const { p99Ms } = await sendLoad({ ...open, seed: 3000 + seed });
    const rebuilding = await whileRebuilding(databasePath, () => sendLoad({ ...open, seed: 4000 + seed }));
    return { startMs, perSecond, p99Ms, rebuildingP99Ms: rebuilding.p99Ms };
  };
  const startedMs = performance.now();
  const ofServer = await withContestant(RECEIVER, ({ port }) => measureServer(port), { folder });

  const { projections, views } = derivations;
  const rebuildMs = await duration(() => engineOf(databasePath, derivations).rebuild({ projections }));
  const database = new Sqlite(databasePath, { readonly: true });
  const parseMs = await duration(() => {
    const bodies = database.prepare<[], Buffer>('SELECT body FROM events ORDER BY seq').pluck();
    for (const body of bodies.iterate()) JSON.parse(body.toString());
  });
  const reportsMs = await duration(() => {
    for (const { name } of views) database.prepare(`SELECT count(*) FROM ${name}`).get();
  });
  const events = Number(database.prepare('SELECT max(seq) FROM events').pluck().get());
  database.close();
  return { ...ofServer, events, bytes: statSync(databasePath).size, rebuildMs, parseMs, reportsMs };
}

/** Does `work` while a separate process rebuilds the tables, then waits for that process to end. */
async function whileRebuilding<T>(databasePath: string, work: () => Promise<T>): Promise<T> {
  const program = join(import.meta.dirname, 'bench/rebuild-again.ts');
  const child = fork(program, [databasePath], { execArgv: [] });
  const exited = once(child, 'exit');
  const result = await work().finally(() => child.connected && child.disconnect());
  const [code] = await exited;
  if (code !== 0) throw new Error(`the rebuild next to the server exited with code ${code}`);
  return result;
}

/** @returns milliseconds */
async function duration(work: () => unknown): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

const COLUMNS: Readonly<Record<string, (step: Step, first: Step) => string>> = {
  events: ({ events }) => grouped(events),
  'deliveries/s': ({ perSecond }) => grouped(perSecond),
  'of empty': ({ perSecond }, first) => (perSecond / first.perSecond).toFixed(2),
  'p99 ms': ({ p99Ms }) => p99Ms.toFixed(2),
  rebuilding: ({ rebuildingP99Ms }) => rebuildingP99Ms.toFixed(2),
  'bytes/event': ({ bytes, events }) => grouped(bytes / events),
  'start ms': ({ startMs }) => grouped(startMs),
  'rebuilt/s': ({ events, rebuildMs }) => grouped((events * 1000) / rebuildMs),
  'of parsing': ({ parseMs, rebuildMs }) => (parseMs / rebuildMs).toFixed(2),
  'reports ms': ({ reportsMs }) => grouped(reportsMs),
};

await executeCommand(USAGE, OPTIONS, main, false);
