/** Chooses the engine of a database. */

import type { Engine } from '../core/engine/engine.ts';
import type { Derivations } from '../core/tables/projection.ts';
import { createSqliteEngine } from './sqlite/engine.ts';

/** @param databasePath the absolute path of a SQLite file */
export function engineOf(databasePath: string, derivations: Derivations): Engine {
  return createSqliteEngine(databasePath, derivations);
}
