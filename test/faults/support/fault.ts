/**
 * One case of `npm run test:faults`: a test whose name begins with the letter and number of its family. It has a folder
 * and a port on which the program is started, a ledger, a seed, and figures for the table at the end.
 */

import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { freePort } from '../../support/free-port.ts';
import { type Ledger, openLedger } from '../../support/ledger.ts';
import { type ProgramFolder, programFolder } from '../../support/program.ts';
import { type Random, seededRandom } from '../../support/random.ts';
import { type Undo, undoAll } from '../../support/undo.ts';
import { type Load, type LoadOptions, sampleDeliveries, startLoad } from './load.ts';

/** What a case requires on the machine: `root`, or a command. */
export type Need = 'root' | keyof typeof PACKAGES;

/** Command → the Debian package that contains it. */
const PACKAGES = {
  strace: 'strace',
  mount: 'mount',
  prlimit: 'util-linux',
  python3: 'python3',
  faketime: 'faketime',
  'systemd-socket-activate': 'systemd',
} as const;

export interface Fault {
  readonly folder: ProgramFolder;
  /** Every start of the program listens here, unless it gets another PORT, so that a load goes on across restarts. */
  readonly port: number;
  readonly ledger: Ledger;
  readonly seed: number;
  /** A random source seeded with `seed`. */
  readonly random: Random;
  /** Starts the program and stops it cleanly, so that there is a database. */
  startAndStop(): Promise<void>;
  /** Starts a load, by default of any number of sample deliveries to `port`; it stops at the end of the case. */
  startLoad(options: Partial<LoadOptions> & Pick<LoadOptions, 'connections'>): Load;
  /** For the table: how often the fault was provoked, and what was measured. */
  report(tries: number, figures: string): void;
  /** Runs `undo` at the end, whatever the outcome of the case. The last one registered runs first. */
  after(undo: Undo): void;
}

/** The form in which a report gets from the test's process to the table. */
export interface Report {
  readonly id: string;
  readonly tries: number;
  readonly figures: string;
}

export const REPORT_MARK = 'fault-report ';
const TIMEOUT_MS = 300_000;

/**
 * @param id family and, where it has several cases, a letter: `A3`, `A3b`
 * @param title the property that must hold, as a sentence
 */
export function fault(
  id: string,
  title: string,
  needs: readonly Need[],
  run: (given: Fault) => Promise<void>,
) {
  it(`${id} ${title}`, { timeout: TIMEOUT_MS }, async (t) => {
    const missing = needs.map(missingNeed).filter((need) => need !== undefined);
    if (missing.length > 0) return unable(t, `needs ${missing.join(', ')}`);
    const undos: Undo[] = [];
    const after = (undo: Undo) => void undos.push(undo);
    const port = await freePort();
    const folder = programFolder({ PORT: String(port) });
    after(() => folder.remove());
    const ledger = openLedger(join(folder.path, 'ledger'));
    after(() => ledger.close());
    const seed = Number(process.env['IRISX_TEST_SEED'] ?? 1);
    try {
      await run({
        folder,
        port,
        ledger,
        seed,
        random: seededRandom(seed),
        async startAndStop() {
          const program = folder.start();
          await program.listening();
          await program.stop();
        },
        startLoad(options) {
          const load = startLoad({ port, ledger, next: sampleDeliveries(seed), ...options });
          after(() => load.stop());
          return load;
        },
        report: (tries, figures) =>
          t.diagnostic(REPORT_MARK + JSON.stringify({ id, tries, figures } satisfies Report)),
        after,
      });
    } catch (error) {
      await undoAll(undos).catch(() => {}); // the first error is the one to report
      throw error;
    }
    await undoAll(undos);
  });
}

/** In CI, a fault that cannot be provoked counts as a failure. */
function unable(t: TestContext, reason: string): void {
  if (process.env['CI'] !== undefined) throw new Error(`${reason}; .ci/run must install it`);
  t.skip(reason);
}

function missingNeed(need: Need): string | undefined {
  if (need === 'root') return process.getuid?.() === 0 ? undefined : 'root';
  const isThere = (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, need), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return isThere ? undefined : `${need} (apt-get install ${PACKAGES[need]})`;
}

/** Runs a command to completion. @throws Error with its output if it fails */
export function command(file: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}
