/** `./irisx bench`: compares this receiver with the alternatives in one run, as ratios. */

import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import Sqlite from 'better-sqlite3';
import { IRISX } from '../src/core/packaging.ts';
import {
  BARE,
  type Contestant,
  EXPRESS,
  installExpress,
  ONE_BY_ONE,
  RECEIVER,
  RECEIVER_WITH_HANDLERS,
} from './bench/contestants.ts';
import { type Load, measure, measureStorage, median } from './bench/measure.ts';
import { type Arguments, runCommand, UsageError } from './cli/command.ts';

const USAGE = `
${IRISX} bench [options]
Compares this receiver with (a) bare node:http, (b) Express 4 as documented, (c) one transaction per event, and (d) the
writer's code without HTTP. Measures throughput in a closed loop with 64 and 256 connections, and latency in an open
loop at half of the receiver's own maximum, also with handlers. Prints the medians of all rounds, and ratios. Loads both
processors for about six minutes; nothing else should run at the same time.

  --quick       one short round: about a minute
  --rounds N    default 3
  --one-cpu     pins the servers to processor 0
  --json FILE   also writes all figures to FILE
`;

const OPTIONS = {
  quick: { type: 'boolean' },
  rounds: { type: 'string' },
  'one-cpu': { type: 'boolean' },
  json: { type: 'string' },
} as const;

const CONTESTANTS = [BARE, EXPRESS, ONE_BY_ONE, RECEIVER];
const OPEN_LOOP_CONTESTANTS = [BARE, RECEIVER, RECEIVER_WITH_HANDLERS];
const CONNECTIONS = [64, 256];
const OPEN_LOOP_CONNECTIONS = 64;

interface Plan {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly openLoopSeconds: number;
  readonly cpu: number | undefined;
}

/** Figures of all rounds by what was measured; times in milliseconds, rates per second. */
type Figures = Map<string, number[]>;

function note(figures: Figures, name: string, value: number): void {
  figures.set(name, [...(figures.get(name) ?? []), value]);
}

async function throughput(plan: Plan, round: number, figures: Figures): Promise<void> {
  for (const connections of CONNECTIONS) {
    const load = { connections, seed: round, ratePerSecond: undefined, ...plan };
    for (const contestant of CONTESTANTS) {
      const { answered, seconds } = await measure(contestant, load, plan.cpu);
      note(figures, rateName(contestant, connections), answered / seconds);
      progress(
        `round ${round}, ${connections} connections, ${contestant.name}: ${whole(answered / seconds)}/s`,
      );
    }
    const events = measureStorage(connections, plan.seconds);
    note(figures, `storage ${connections}`, events);
    progress(`round ${round}, batches of ${connections}, the writer alone: ${whole(events)}/s`);
  }
}

async function latency(plan: Plan, round: number, ratePerSecond: number, figures: Figures): Promise<void> {
  const load: Load = {
    connections: OPEN_LOOP_CONNECTIONS,
    seed: round,
    seconds: plan.openLoopSeconds,
    warmUpSeconds: plan.warmUpSeconds,
    ratePerSecond,
  };
  for (const contestant of OPEN_LOOP_CONTESTANTS) {
    const result = await measure(contestant, load, plan.cpu);
    for (const name of ['p50Ms', 'p99Ms', 'maxMs'] as const)
      note(figures, `${contestant.name} ${name}`, result[name]);
    progress(
      `round ${round}, ${whole(ratePerSecond)}/s due, ${contestant.name}: p99 ${result.p99Ms.toFixed(2)} ms`,
    );
  }
}

async function main({ values }: Arguments<typeof OPTIONS>): Promise<number> {
  const isQuick = values.quick === true;
  const rounds = Number(values.rounds ?? (isQuick ? 1 : 3));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 99)
    throw new UsageError('--rounds must be a whole number from 1 to 99');
  const plan: Plan = {
    rounds,
    seconds: isQuick ? 2 : 5,
    warmUpSeconds: isQuick ? 1 : 2,
    openLoopSeconds: isQuick ? 4 : 10,
    cpu: values['one-cpu'] === true ? 0 : undefined,
  };
  installExpress();
  const figures: Figures = new Map();
  for (let round = 1; round <= plan.rounds; round++) await throughput(plan, round, figures);
  const half = Math.round(median(figures.get(rateName(RECEIVER, OPEN_LOOP_CONNECTIONS)) ?? []) / 2);
  for (let round = 1; round <= plan.rounds; round++) await latency(plan, round, half, figures);

  process.stdout.write(`${report(plan, half, figures).join('\n')}\n`);
  if (values.json !== undefined) {
    const all = { machine: machine(plan), openLoopRate: half, figures: Object.fromEntries(figures) };
    writeFileSync(values.json, `${JSON.stringify(all, null, 2)}\n`);
  }
  return 0;
}

function report(plan: Plan, half: number, figures: Figures): string[] {
  const of = (name: string) => median(figures.get(name) ?? []);
  const lines = [machine(plan), ''];
  for (const connections of CONNECTIONS) {
    const ours = of(rateName(RECEIVER, connections));
    lines.push(left(`${connections} connections, closed loop`, 'deliveries/s   receiver is'));
    for (const contestant of CONTESTANTS) {
      const rate = of(rateName(contestant, connections));
      const mark = contestant.letter === '' ? '   ' : `(${contestant.letter})`;
      const ratio = contestant === RECEIVER ? '' : `${(ours / rate).toFixed(2)} ×`;
      lines.push(left(`  ${mark} ${contestant.name}`, whole(rate).padStart(12), ratio.padStart(14)));
    }
    const storage = of(`storage ${connections}`);
    const ratio = `${(ours / storage).toFixed(2)} ×`;
    const name = `  (d) the writer alone, batches of ${connections}`;
    lines.push(left(name, whole(storage).padStart(12), ratio.padStart(14)), '');
  }
  lines.push(left(`${whole(half)} deliveries/s due, open loop`, '  p50 ms    p99 ms    max ms'));
  for (const contestant of OPEN_LOOP_CONTESTANTS) {
    const times = (['p50Ms', 'p99Ms', 'maxMs'] as const).map((name) =>
      of(`${contestant.name} ${name}`).toFixed(2).padStart(10),
    );
    lines.push(left(`      ${contestant.name}`, ...times).trimEnd());
  }
  const p99 = (contestant: Contestant) => of(`${contestant.name} p99Ms`);
  const share = (p99(RECEIVER) / p99(BARE)).toFixed(2);
  const withHandlers = (p99(RECEIVER_WITH_HANDLERS) / p99(RECEIVER)).toFixed(2);
  lines.push(`  p99 of the receiver is ${share} × that of (a); with handlers ${withHandlers} × that without`);
  return lines;
}

function machine(plan: Plan): string {
  const [cpu] = cpus();
  const pinned = plan.cpu === undefined ? '' : `, servers pinned to processor ${plan.cpu}`;
  const sqlite = new Sqlite(':memory:').prepare('SELECT sqlite_version()').pluck().get();
  return [
    `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
    `Node ${process.versions.node}, SQLite ${sqlite}, medians of ${plan.rounds} rounds${pinned}`,
  ].join('; ');
}

const NAME_CHARS = 46;

function left(name: string, ...columns: string[]): string {
  return [name.padEnd(NAME_CHARS), ...columns].join('');
}

function rateName(contestant: Contestant, connections: number): string {
  return `${contestant.name} ${connections}`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

await runCommand(USAGE, OPTIONS, main, false);
