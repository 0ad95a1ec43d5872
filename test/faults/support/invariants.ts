/**
 * What must hold after every fault: I1 every acknowledged delivery is in the log; I2 none is there twice, and `seq` and
 * chain are sound; I3 live tables equal a rebuild; I4 SQLite finds no damage; I5 a signed delivery is accepted again
 * within ten seconds; I6 memory stays bounded, and no log line contains a secret, a signature or a message.
 */

import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ledger } from '../../support/ledger.ts';
import type { Program } from '../../support/program.ts';
import { deliver, SECRET, temporaryFolder, until } from '../../support/receiver.ts';
import { checkSoundLog, type Sound } from '../../support/sound-log.ts';

const RECOVERY_MS = 10_000;
const MEMORY_BYTES_MAX = 300 * 1024 * 1024;

/** I1 to I4, on a file that a server may have open; its events must be signed with SECRET unless `secrets` is empty. */
export function checkLog(
  databasePath: string,
  ledger: Pick<Ledger, 'entries'>,
  secrets: readonly string[] = [SECRET],
): Promise<Sound> {
  return checkSoundLog(databasePath, ledger, secrets);
}

/** I1 to I4 on a copy of what a killed process has left. Repairing the original is left to the next start. */
export async function checkLeft(databasePath: string, ledger: Pick<Ledger, 'entries'>): Promise<Sound> {
  const folder = temporaryFolder();
  try {
    const copy = join(folder.path, 'copy.db');
    for (const suffix of ['', '-wal'])
      if (existsSync(databasePath + suffix)) copyFileSync(databasePath + suffix, copy + suffix);
    return await checkLog(copy, ledger);
  } finally {
    folder.remove();
  }
}

/** The port of a server, and the ledger of what is sent to it. */
export interface Recipient {
  readonly port: number;
  readonly ledger: Ledger;
}

let recoveries = 0;

/** I5. @returns milliseconds until a new signed delivery was answered 200 */
export async function checkRecovery({ port, ledger }: Recipient): Promise<number> {
  recoveries += 1;
  const body = JSON.stringify({ event: 'call.dtmf', data: { recovery: `${Date.now()}-${recoveries}` } });
  const startedMs = performance.now();
  let last = '';
  const isTaken = async () => {
    try {
      const { status, json } = await deliver({ url: `http://127.0.0.1:${port}` }, body);
      last = `${status} ${JSON.stringify(json)}`;
      if (status === 200) ledger.acknowledge(body, json['seq'] as number);
      return status === 200;
    } catch (error) {
      last = String((error as Error).cause ?? error);
      return false;
    }
  };
  await until(isTaken, 'I5: a signed delivery is answered 200', RECOVERY_MS).catch((error: Error) => {
    throw new Error(`${error.message}; the last answer: ${last}`);
  });
  return performance.now() - startedMs;
}

/** The peak memory of a process, in bytes. */
export function memoryPeakBytes(pid: number): number {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return Number(peak) * 1024;
}

/** The part of I6 about memory. @returns the peak memory of a process, in bytes */
export function checkMemory(pid: number): number {
  const bytes = memoryPeakBytes(pid);
  assert.ok(bytes < MEMORY_BYTES_MAX, `I6: ${bytes} bytes of memory`);
  return bytes;
}

/** The texts of sample deliveries, which no log line may contain. */
const MESSAGE_TEXT =
  /appointment|warehouse|verification code|still available|call me back|table for you|works for me|move it to next week|not arrived|Thursday/;

/** The part of I6 about log lines. @param output everything that a server has written */
export function checkLines(output: string): void {
  assert.equal(output.includes(SECRET), false, 'I6: the secret is in the log');
  // The chain is the only digest that may be printed.
  const signature = /(?<!chain["': ]{1,4})\b[0-9a-f]{64}\b/.exec(output)?.[0];
  assert.equal(signature, undefined, 'I6: a signature is in the log');
  assert.equal(MESSAGE_TEXT.exec(output)?.[0], undefined, 'I6: a message text is in the log');
}

export interface After extends Sound {
  /** Milliseconds until a delivery was accepted again. */
  readonly recoveryMs: number;
  readonly memoryBytes: number;
}

/**
 * I1 to I6 on a running server. Then ends it with SIGTERM, which must also be clean.
 * @param program the program that listens on the port of `recipient`
 */
export async function checkInvariants(program: Program, recipient: Recipient): Promise<After> {
  const recoveryMs = await checkRecovery(recipient);
  const memoryBytes = checkMemory(program.pid);
  await program.stop();
  checkLines(program.output() + program.errors());
  return { ...(await checkLog(program.databasePath, recipient.ledger)), recoveryMs, memoryBytes };
}

/** Checks that a program whose database can no longer be trusted prints one line and kills itself. @returns the line */
export async function endsLost(program: Program): Promise<string> {
  const { signal } = await program.ended();
  const output = program.output();
  assert.equal(signal, 'SIGKILL', output + program.errors());
  const lines = output.split('\n').filter((line) => line.includes('the database can no longer be trusted'));
  assert.equal(lines.length, 1, output);
  checkLines(output + program.errors());
  return lines[0] ?? '';
}

const EX_UNAVAILABLE = 69;

/** Checks that a start is refused in one line. @returns the line */
export async function startIsRefused(program: Program): Promise<string> {
  const { code } = await program.ended();
  assert.equal(code, EX_UNAVAILABLE, program.output() + program.errors());
  assert.match(program.errors(), /^[^\n]+\n$/);
  return program.errors();
}
