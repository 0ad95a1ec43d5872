/**
 * Compares the live tables with tables folded from the same log into a scratch file, in one read snapshot. Writes
 * nothing to the live file.
 */

import { randomBytes } from 'node:crypto';
import type { Database } from 'better-sqlite3';
import { openDatabase } from './database.ts';
import { EventLog } from './event-log.ts';
import { IRISX } from './packaging.ts';
import type { Derivations } from './projection.ts';
import { ProjectionStates } from './projection-state.ts';
import { columnsOf } from './projection-table.ts';
import { openScratch } from './scratch.ts';

export interface TableCheck {
  readonly name: string;
  readonly rows: number;
  /** One line per difference, at most DIFFERENCES_LISTED_MAX lines. */
  readonly differences: string[];
  /** All differences, including those not listed. */
  readonly differenceCount: number;
}

const DIFFERENCES_LISTED_MAX = 10;

/** @returns one check per projection and one for `failures`; the tables are correct if every difference count is 0 */
export function checkTables(
  databasePath: string,
  derivations: Derivations,
  onProgress: (done: number, total: number) => void = () => {},
): { seq: number; checks: TableCheck[] } {
  const database = openDatabase(databasePath, derivations);
  try {
    const log = new EventLog(database);
    const scratchPath = `${databasePath}-check-${randomBytes(4).toString('hex')}`;
    const scratch = openScratch(database, scratchPath, derivations.projections, log);
    try {
      database.exec('BEGIN');
      const { seq } = log.head();
      let applied = 0;
      let before: number;
      do {
        before = applied;
        applied = scratch.foldPiece(seq);
        onProgress(applied, seq);
      } while (applied > before);
      const states = new ProjectionStates(database).read();
      const checks = derivations.projections.map((projection) => {
        const state = states.get(projection.name);
        if (state?.version !== projection.version) {
          const made = state === undefined ? 'does not exist' : `was made by version ${state.version}`;
          return broken(
            projection.name,
            `the table ${made}, this code has version ${projection.version}: run ${IRISX} rebuild`,
          );
        }
        if (state.applied_seq !== seq) {
          return broken(
            projection.name,
            `the table reflects the log up to seq ${state.applied_seq} of ${seq}: run ${IRISX} rebuild`,
          );
        }
        const columns = columnsOf(projection);
        const missing = columns.filter((column) => !hasColumn(database, projection.name, column));
        if (missing.length > 0) {
          return broken(
            projection.name,
            `the table has no column ${missing.join(', ')}: increase the version of the projection`,
          );
        }
        return compare(database, projection.name, [projection.key], columns);
      });
      checks.push(compare(database, 'failures', ['seq', 'stage'], ['seq', 'stage', 'error']));
      return { seq, checks };
    } finally {
      if (database.inTransaction) database.exec('ROLLBACK');
      scratch.close();
    }
  } finally {
    database.close();
  }
}

function broken(name: string, difference: string): TableCheck {
  return { name, rows: 0, differences: [`${name}: ${difference}`], differenceCount: 1 };
}

function hasColumn(database: Database, table: string, column: string): boolean {
  const find = database.prepare("SELECT 1 FROM pragma_table_xinfo(?, 'main') WHERE name = ?");
  return find.get(table, column) !== undefined;
}

function compare(database: Database, name: string, key: string[], columns: string[]): TableCheck {
  const on = key.map((column) => `live.${column} = again.${column}`).join(' AND ');
  const shown = (table: string) => key.map((column) => `${table}.${column}`).join(" || ' ' || ");
  const named = columns
    .filter((column) => !key.includes(column))
    .map((column) => `CASE WHEN live.${column} IS NOT again.${column} THEN ' ${column}' ELSE '' END`)
    .join(' || ');
  const differ = columns.map((column) => `live.${column} IS NOT again.${column}`).join(' OR ');
  const lines = [
    ...list(
      database,
      `SELECT ${shown('live')} || ': in the live table only'
      FROM main.${name} AS live LEFT JOIN scratch.${name} AS again ON ${on} WHERE again.rowid IS NULL`,
    ),
    ...list(
      database,
      `SELECT ${shown('again')} || ': missing in the live table'
      FROM scratch.${name} AS again LEFT JOIN main.${name} AS live ON ${on} WHERE live.rowid IS NULL`,
    ),
    ...list(
      database,
      `SELECT ${shown('live')} || ': differs in' || ${named}
      FROM main.${name} AS live JOIN scratch.${name} AS again ON ${on} WHERE ${differ}`,
    ),
  ];
  const rows = database.prepare(`SELECT count(*) FROM main.${name}`).pluck().get() as number;
  const differences = lines.slice(0, DIFFERENCES_LISTED_MAX).map((line) => `${name} ${line}`);
  return { name, rows, differences, differenceCount: lines.length };
}

function list(database: Database, sql: string): string[] {
  return database.prepare(sql).pluck().all() as string[];
}
