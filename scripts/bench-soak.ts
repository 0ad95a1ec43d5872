/** `./irisx bench:soak`: memory use over a million deliveries, and processor time when idle. */

import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { IRISX } from '../src/core/packaging.ts';
import { RECEIVER, withContestant } from './bench/contestants.ts';
import { printRow, sendLoad } from './bench/measure.ts';
import { type Arguments, executeCommand } from './cli/command.ts';
import { grouped } from './cli/numbers.ts';
import { whole } from './cli/options.ts';

const USAGE = `
${IRISX} bench:soak [--deliveries N]
Sends N deliveries (default 1,000,000) to one receiver over 64 connections, as fast as it accepts them, and prints its
resident memory after each tenth. Then prints the processor time that it uses in ten idle seconds.
`;

const DELIVERIES_DEFAULT = 1_000_000;
const CONNECTIONS = 64;
const STEPS = 10;
const OPTIONS = { deliveries: whole(STEPS, Number.MAX_SAFE_INTEGER) };
const PIECE_SECONDS = 5;
const IDLE_SECONDS = 10;
const TICKS_PER_SECOND = 100;

async function main({ values }: Arguments<typeof OPTIONS>): Promise<number> {
  const { deliveries = DELIVERIES_DEFAULT } = values;
  await withContestant(RECEIVER, async ({ port, pid }) => {
    printRow(['deliveries', 'RSS MiB']);
    printRow(['0', rssMib(pid)]);
    let sent = 0;
    for (let seed = 1, step = 1; step <= STEPS; seed++) {
      const load = { port, connections: CONNECTIONS, seconds: PIECE_SECONDS, warmUpSeconds: 0, seed };
      sent += (await sendLoad(load)).answered;
      if (sent < (deliveries * step) / STEPS) continue;
      printRow([grouped(sent), rssMib(pid)]);
      step = Math.floor((sent * STEPS) / deliveries) + 1;
    }
    await wait(1000);
    const before = cpuMs(pid);
    await wait(IDLE_SECONDS * 1000);
    process.stdout.write(`idle for ${IDLE_SECONDS} s: ${cpuMs(pid) - before} ms of processor time\n`);
  });
  return 0;
}

function rssMib(pid: number): string {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return (Number(kib) / 1024).toFixed(0);
}

/** User and system time of the whole process. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

await executeCommand(USAGE, OPTIONS, main, false);
