/** `./irisx bench:soak`: memory use over a million deliveries, and processor time when idle. */

import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { IRISX } from '../src/core/packaging.ts';
import { RECEIVER, startContestant } from './bench/contestants.ts';
import { loadServer } from './bench/measure.ts';
import { type Arguments, runCommand, UsageError } from './cli/command.ts';

const USAGE = `
${IRISX} bench:soak [--deliveries N]
Sends N deliveries (default 1,000,000) to one receiver over 64 connections, as fast as it accepts them, and prints its
resident memory after each tenth. Then prints the processor time that it uses in ten idle seconds.
`;

const OPTIONS = { deliveries: { type: 'string' } } as const;
const CONNECTIONS = 64;
const STEPS = 10;
const RUN_SECONDS = 5;
const IDLE_SECONDS = 10;
const TICKS_PER_SECOND = 100;

async function main({ values }: Arguments<typeof OPTIONS>): Promise<number> {
  const deliveries = Number(values.deliveries ?? 1_000_000);
  if (!Number.isInteger(deliveries) || deliveries < STEPS)
    throw new UsageError(`--deliveries must be a whole number from ${STEPS}`);
  const server = await startContestant(RECEIVER);
  try {
    const say = (text: string) => process.stdout.write(`${text}\n`);
    say(`${'deliveries'.padStart(12)}${'RSS MiB'.padStart(10)}`);
    say(`${'0'.padStart(12)}${rssMib(server.pid).toFixed(0).padStart(10)}`);
    let sent = 0;
    for (let run = 1, step = 1; step <= STEPS; run++) {
      const load = { connections: CONNECTIONS, seconds: RUN_SECONDS, warmUpSeconds: 0, seed: run };
      const { answered, failed } = await loadServer(server.port, { ...load, ratePerSecond: undefined });
      if (failed > 0) throw new Error(`${failed} deliveries were not answered 200`);
      sent += answered;
      if (sent < (deliveries * step) / STEPS) continue;
      say(`${sent.toLocaleString('en-US').padStart(12)}${rssMib(server.pid).toFixed(0).padStart(10)}`);
      step = Math.floor((sent * STEPS) / deliveries) + 1;
    }
    await wait(1000);
    const before = cpuSeconds(server.pid);
    await wait(IDLE_SECONDS * 1000);
    say(
      `idle for ${IDLE_SECONDS} s: ${((cpuSeconds(server.pid) - before) * 1000).toFixed(0)} ms of processor time`,
    );
  } finally {
    await server.stop();
  }
  return 0;
}

function rssMib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
}

/** User and system time of the whole process. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

await runCommand(USAGE, OPTIONS, main, false);
