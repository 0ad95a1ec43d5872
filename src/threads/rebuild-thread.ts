/** Entry of the rebuild thread: reports why tables lag, rebuilds those that a rebuild fixes, and reports the result. */

import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { lowerPriority, NICENESS } from '../core/low-priority.ts';
import { openReadOnly } from '../engines/sqlite/file/database.ts';
import { faultText } from '../engines/sqlite/file/storage-fault.ts';
import { ProjectionStates, type TableProblem } from '../engines/sqlite/log/projection-state.ts';
import { RebuildUnderWay, rebuild } from '../engines/sqlite/rebuild/rebuild.ts';
import { derivations } from '../projections/index.ts';

export type FromRebuild =
  /** Sent first: why tables lag, one line per table. A rebuild does not fix all of them. */
  | { readonly kind: 'problems'; readonly texts: readonly string[] }
  | { readonly kind: 'done'; readonly names: string[]; readonly events: number; readonly ms: number }
  | { readonly kind: 'nothing' }
  /** `under-way`: another process is rebuilding. */
  | { readonly kind: 'under-way' | 'failed'; readonly text: string };

/** Rebuilds the tables that a rebuild fixes. @returns the result */
async function run(databasePath: string, send: (message: FromRebuild) => void): Promise<FromRebuild> {
  const startMs = performance.now();
  try {
    const problems = problemsOf(databasePath);
    send({ kind: 'problems', texts: problems.map(({ text }) => text) });
    const projections = problems
      .filter(({ kind }) => kind !== 'newer' && kind !== 'behind')
      .map(({ projection }) => projection);
    if (projections.length === 0) return { kind: 'nothing' };
    const { seq, rows } = await rebuild({
      databasePath,
      derivations,
      projections,
      pause: async (ms) => void (await pause(ms)),
      monotonicMs: () => performance.now(),
    });
    const ms = Math.round(performance.now() - startMs);
    return { kind: 'done', names: Object.keys(rows), events: seq, ms };
  } catch (error) {
    return { kind: error instanceof RebuildUnderWay ? 'under-way' : 'failed', text: faultText(error) };
  }
}

function problemsOf(databasePath: string): TableProblem[] {
  const database = openReadOnly(databasePath);
  try {
    return new ProjectionStates(database).problems(derivations.projections);
  } finally {
    database.close();
  }
}

if (parentPort === null) throw new Error('rebuild-thread must run as a worker thread');
lowerPriority(NICENESS.writing);
const port = parentPort;
port.postMessage(await run(workerData as string, (message) => port.postMessage(message)));
