/** Which tables a rebuild makes again, and which failures it finds again. */

import { EngineError } from '../engine-error.ts';
import { PARSE_STAGE, WRITER_STAGE } from '../event/recorded-event.ts';
import type { Projection } from './projection.ts';
import type { TableProblem } from './table-problem.ts';

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
  if (newer !== undefined) throw new EngineError('refused', newer.text);
}
