/** Entry of the rebuild thread: reports why tables lag, and rebuilds those that a rebuild fixes. */

import { engineFault } from '../core/engine-error.ts';
import { NICENESS } from '../core/low-priority.ts';
import { enterThread } from './entry.ts';
import type { ThreadData } from './thread.ts';

export type FromRebuild =
  /** Sent first: why tables lag, one line per table. A rebuild does not fix all of them. */
  | { readonly kind: 'problems'; readonly texts: readonly string[] }
  | { readonly kind: 'done'; readonly names: readonly string[]; readonly events: number; readonly ms: number }
  /** Another process is rebuilding. */
  | { readonly kind: 'under-way' };

const { engine, send } = enterThread<ThreadData, FromRebuild>(NICENESS.writing);
const startMs = performance.now();
try {
  const reader = await engine.openReader();
  const problems = await reader.tableProblems().finally(() => reader.close());
  send({ kind: 'problems', texts: problems.map(({ text }) => text) });
  const projections = problems
    .filter(({ kind }) => kind !== 'newer' && kind !== 'behind')
    .map(({ projection }) => projection);
  if (projections.length > 0) {
    const { seq, rows } = await engine.rebuild({ projections });
    const ms = Math.round(performance.now() - startMs);
    send({ kind: 'done', names: Object.keys(rows), events: seq, ms });
  }
} catch (error) {
  if (engineFault(error) !== 'under-way') throw error;
  send({ kind: 'under-way' });
}
