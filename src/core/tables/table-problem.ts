/**
 * Whether a projection's table reflects the log, decided by its version and by how far events are folded into it, and
 * what a rebuild does about it.
 */

import { refused } from '../engine-error.ts';
import { PARSE_STAGE, WRITER_STAGE } from '../event/recorded-event.ts';
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
  /** The last event that the table reflects: 0 if a rebuild must make it. A table that newer code made is up to date. */
  readonly reflectedSeq: number;
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
  const problem = (
    kind: TableProblem['kind'],
    what: string,
    hint: string,
    reflectedSeq = 0,
  ): TableProblem => ({
    projection,
    kind,
    reflectedSeq,
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
      head,
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
      applied,
    );
  return undefined;
}

/** Whether this code cannot show the table. What older code made may lack columns, or mean something else by them. */
export function cannotBeShown({ kind }: TableProblem): boolean {
  return kind === 'missing' || kind === 'older';
}

/** Which tables a rebuild makes again, and which failures it finds again. */
export interface RebuildPlan {
  readonly projections: readonly Projection[];
  /** Whether these are all tables, so that events that were appended without being folded can be folded now. */
  readonly isWhole: boolean;
  /** The stages whose failures are found again; the others keep theirs. */
  readonly stages: readonly string[];
}

/**
 * An event that was appended without being folded is missing in every table, and has one failure for all of them. So as
 * long as there is one, a rebuild makes all tables, unless newer code has made one of them.
 * @param wanted the tables to rebuild
 * @param problems what is wrong with the tables
 * @param hasUnfolded whether the log has events that were appended without being folded
 * @throws EngineError `refused` if newer code has made a wanted table: a rebuild never downgrades a table
 */
export function rebuildPlan(
  wanted: readonly Projection[],
  all: readonly Projection[],
  problems: readonly TableProblem[],
  hasUnfolded: boolean,
): RebuildPlan {
  const isWanted = ({ name }: Projection) => wanted.some((each) => each.name === name);
  refuseNewer(problems.filter(({ projection }) => isWanted(projection)));
  const hasNewer = problems.some(({ kind }) => kind === 'newer');
  const projections = hasUnfolded && !hasNewer ? all : wanted;
  return {
    projections,
    isWhole: projections.length === all.length,
    stages: [PARSE_STAGE, WRITER_STAGE, ...projections.map(({ name }) => name)],
  };
}

/** @throws EngineError `refused` if newer code has made one of these tables */
export function refuseNewer(problems: readonly TableProblem[]): void {
  const newer = problems.find(({ kind }) => kind === 'newer');
  if (newer !== undefined) throw refused(newer.text);
}
