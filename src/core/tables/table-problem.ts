/** Whether a projection's table reflects the log: decided by its version and by how far events are folded into it. */

import { IRISX } from '../packaging.ts';
import type { Projection } from './projection.ts';

/** What is stored about a table. */
export interface ProjectionState {
  readonly name: string;
  /** Version of the code that made the table. */
  readonly version: number;
  /** The table reflects every event up to this one. It may be beyond the log's end. */
  readonly applied_seq: number;
}

/** Why a table does not reflect the log. */
export interface TableProblem {
  readonly projection: Projection;
  /**
   * - `missing`, `older`, `ahead`: a rebuild fixes it, and a running server starts one.
   * - `behind`: the writer folds what is missing.
   * - `newer`: newer code made it, and only newer code may change it.
   */
  readonly kind: 'missing' | 'older' | 'ahead' | 'behind' | 'newer';
  /** One line for the operator: the same in the log and in every command. */
  readonly text: string;
}

/** @param head the log's last seq, read in the same transaction as `states` */
export function tableProblem(
  projection: Projection,
  states: ReadonlyMap<string, ProjectionState>,
  head: number,
): TableProblem | undefined {
  const { name, version } = projection;
  const state = states.get(name);
  const problem = (kind: TableProblem['kind'], what: string, hint: string): TableProblem => ({
    projection,
    kind,
    text: `the table ${name} ${what}: ${hint}`,
  });
  const rebuilt = `a running server rebuilds it; otherwise run ${IRISX} rebuild`;
  if (state === undefined) return problem('missing', 'has not been built yet', rebuilt);
  const versions = `(version ${state.version}, this code has ${version})`;
  if (state.version > version)
    return problem(
      'newer',
      `was made by newer code ${versions}`,
      'update the program; until then this code does not change the table',
    );
  if (state.version < version) return problem('older', `was made by older code ${versions}`, rebuilt);
  const applied = state.applied_seq;
  if (applied > head)
    return problem('ahead', `reflects events that are not in the log, which ends with seq ${head}`, rebuilt);
  if (applied < head)
    return problem(
      'behind',
      `reflects the log up to seq ${applied} of ${head}`,
      `a running server brings it up to date; otherwise run ${IRISX} rebuild`,
    );
  return undefined;
}

/** The last event that all the tables reflect. A table made by newer code counts as up to date. */
export function reflectedSeq(
  projections: readonly Projection[],
  states: ReadonlyMap<string, ProjectionState>,
  head: number,
): number {
  const reflected = projections.map((projection) => {
    const kind = tableProblem(projection, states, head)?.kind;
    if (kind === undefined || kind === 'newer') return head;
    return kind === 'behind' ? (states.get(projection.name)?.applied_seq ?? 0) : 0;
  });
  return Math.min(head, ...reflected);
}
