/** `./irisx bench`: compares this receiver with its limits in one session, as ratios. */

import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import Sqlite from 'better-sqlite3';
import { IRISX } from '../src/core/packaging.ts';
import {
  BARE,
  type Contestant,
  RECEIVER,
  RECEIVER_WITH_HANDLERS,
  withContestant,
} from './bench/contestants.ts';
import type { Load } from './bench/generator.ts';
import { sendLoad, writerRate } from './bench/measure.ts';
import { alignedLines } from './cli/aligned-lines.ts';
import { type Arguments, executeCommand } from './cli/command.ts';
import { grouped } from './cli/numbers.ts';
import { FLAG, TEXT, whole } from './cli/options.ts';

const USAGE = `
${IRISX} bench [options]
Compares this receiver with (a) bare node:http, and with the writer's code without HTTP: (b) in batches of the same size,
and (c) with one transaction for each event. Measures throughput in a closed loop with 64 and 256 connections, and
latency in an open loop at half of the receiver's own maximum, also with handlers. Prints the medians of all rounds, and
ratios. Loads both processors for about six minutes; nothing else should run at the same time.

  --quick       one short round: about a minute
  --rounds N    default 3
  --one-cpu     pins the servers to processor 0
  --json FILE   also writes all figures to FILE
`;

const ROUNDS_MAX = 99;
const OPTIONS = { rounds: whole(1, ROUNDS_MAX), json: TEXT, quick: FLAG, 'one-cpu': FLAG };

const CONNECTIONS = [64, 256];
const OPEN_LOOP_CONNECTIONS = 64;

interface ServerLoad extends Omit<Load, 'port'> {
  /** The only processor that the server may use; undefined: all. */
  readonly cpu: number | undefined;
}

/** What is compared in a closed loop. Each gives a rate per second. */
const RATES: Readonly<Record<string, (load: ServerLoad) => Promise<number>>> = {
  [BARE.name]: async (load) => (await measureServer(BARE, load)).perSecond,
  [RECEIVER.name]: async (load) => (await measureServer(RECEIVER, load)).perSecond,
  '(b) the writer alone, batches of the same size': (load) => writerRate(load.connections, load.seconds),
  '(c) the writer alone, one transaction per event': (load) => writerRate(1, load.seconds),
};

/** What is compared in an open loop. */
const LATENCIES = [BARE, RECEIVER, RECEIVER_WITH_HANDLERS];

/** The figures of all rounds by what was measured; times in milliseconds, rates per second. */
const figures: Record<string, number[]> = {};

async function main({ values }: Arguments<typeof OPTIONS>): Promise<number> {
  const { quick: isQuick, rounds = isQuick ? 1 : 3 } = values;
  const cpu = values['one-cpu'] ? 0 : undefined;
  const closed = { seconds: isQuick ? 2 : 5, warmUpSeconds: isQuick ? 1 : 2, cpu };
  for (let seed = 1; seed <= rounds; seed++)
    for (const connections of CONNECTIONS) await measureRates({ ...closed, connections, seed });
  const openLoopRate = Math.round(median(RECEIVER.name, `${OPEN_LOOP_CONNECTIONS} connections`) / 2);
  const open = { ...closed, seconds: isQuick ? 4 : 10, connections: OPEN_LOOP_CONNECTIONS };
  for (let seed = 1; seed <= rounds; seed++)
    await measureLatencies({ ...open, seed, ratePerSecond: openLoopRate });

  const machine = machineText(rounds, cpu);
  const lines = [machine, '', ...CONNECTIONS.flatMap(rateLines), ...latencyLines(openLoopRate)];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ machine, openLoopRate, figures }, null, 2)}\n`);
  return 0;
}

async function measureRates(load: ServerLoad): Promise<void> {
  for (const [name, measureRate] of Object.entries(RATES))
    note(name, `${load.connections} connections`, await measureRate(load));
}

async function measureLatencies(load: ServerLoad): Promise<void> {
  for (const contestant of LATENCIES) {
    const result = await measureServer(contestant, load);
    note(contestant.name, 'p50 ms', result.p50Ms);
    note(contestant.name, 'p99 ms', result.p99Ms);
    note(contestant.name, 'max ms', result.maxMs);
  }
}

function measureServer(contestant: Contestant, { cpu, ...load }: ServerLoad) {
  return withContestant(contestant, ({ port }) => sendLoad({ ...load, port }), { cpu });
}

/** Keeps a figure, and shows it on standard error. */
function note(name: string, what: string, figure: number): void {
  const key = `${name}, ${what}`;
  figures[key] = [...(figures[key] ?? []), figure];
  process.stderr.write(`${key.trim()}: ${figure.toFixed(what.endsWith('ms') ? 2 : 0)}\n`);
}

function median(name: string, what: string): number {
  const sorted = (figures[`${name}, ${what}`] ?? []).toSorted((one, other) => one - other);
  const [low = 0, high = low] = sorted.slice(Math.ceil(sorted.length / 2) - 1, sorted.length / 2 + 1);
  return (low + high) / 2;
}

function rateLines(connections: number): string[] {
  const what = `${connections} connections`;
  const rows = Object.keys(RATES).map((name) => {
    const rate = median(name, what);
    const ratio = `${(median(RECEIVER.name, what) / rate).toFixed(2)} ×`;
    return [name, grouped(rate), name === RECEIVER.name ? '' : ratio];
  });
  return [...alignedLines([`${what}, closed loop`, 'deliveries/s', 'receiver is'], rows, [1, 2]), ''];
}

function latencyLines(openLoopRate: number): string[] {
  const titles = ['p50 ms', 'p99 ms', 'max ms'];
  const rows = LATENCIES.map((each) => [
    each.name,
    ...titles.map((title) => median(each.name, title).toFixed(2)),
  ]);
  const ratio = (one: Contestant, other: Contestant) =>
    `${(median(one.name, 'p99 ms') / median(other.name, 'p99 ms')).toFixed(2)} ×`;
  return [
    ...alignedLines([`${grouped(openLoopRate)} deliveries/s due, open loop`, ...titles], rows, [1, 2, 3]),
    `p99 of the receiver is ${ratio(RECEIVER, BARE)} that of (a); with handlers ${ratio(RECEIVER_WITH_HANDLERS, RECEIVER)} that without`,
  ];
}

function machineText(rounds: number, cpu: number | undefined): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  const pinned = cpu === undefined ? '' : `, servers pinned to processor ${cpu}`;
  const sqlite = new Sqlite(':memory:').prepare('SELECT sqlite_version()').pluck().get();
  return [
    `${cpus().length} × ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
    `Node ${process.versions.node}, SQLite ${sqlite}, medians of ${rounds} rounds${pinned}`,
  ].join('; ');
}

await executeCommand(USAGE, OPTIONS, main, false);
