/** Entry of the rebuild thread: reports why tables lag, rebuilds those that a rebuild fixes, and reports the result. */

import type { Engine } from '../core/engine/engine.ts';
import { engineFault, errorText } from '../core/engine-error.ts';
import { NICENESS } from '../core/low-priority.ts';
import type { TableProblem } from '../core/tables/table-problem.ts';
import { enterThread } from './entry.ts';
import type { ThreadData } from './thread.ts';

export type FromRebuild =
  /** Sent first: why tables lag, one line per table. A rebuild does not fix all of them. */
  | { readonly kind: 'problems'; readonly texts: readonly string[] }
  | { readonly kind: 'done'; readonly names: string[]; readonly events: number; readonly ms: number }
  | { readonly kind: 'nothing' }
  /** `under-way`: another process is rebuilding. */
  | { readonly kind: 'under-way' | 'failed'; readonly text: string };

/** Rebuilds the tables that a rebuild fixes. @returns the result */
async function outcomeOf(engine: Engine, send: (message: FromRebuild) => void): Promise<FromRebuild> {
  const startMs = performance.now();
  try {
    const problems = await problemsOf(engine);
    send({ kind: 'problems', texts: problems.map(({ text }) => text) });
    const projections = problems
      .filter(({ kind }) => kind !== 'newer' && kind !== 'behind')
      .map(({ projection }) => projection);
    if (projections.length === 0) return { kind: 'nothing' };
    const { seq, rows } = await engine.rebuild({ projections });
    const ms = Math.round(performance.now() - startMs);
    return { kind: 'done', names: Object.keys(rows), events: seq, ms };
  } catch (error) {
    return { kind: engineFault(error) === 'under-way' ? 'under-way' : 'failed', text: errorText(error) };
  }
}

async function problemsOf(engine: Engine): Promise<readonly TableProblem[]> {
  const reader = await engine.openReader();
  try {
    return await reader.tableProblems();
  } finally {
    await reader.close();
  }
}

const { engine, send } = enterThread<ThreadData, FromRebuild>(NICENESS.writing);
send(await outcomeOf(engine, send));
