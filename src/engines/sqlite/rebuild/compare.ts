/**
 * Compares the live tables with tables folded from the same log, over a read-only connection: the file does not change.
 * Most of the log is folded before the comparison. Only the last events and the comparison itself share one snapshot,
 * because a long snapshot keeps the WAL from starting over.
 */

import type { Database } from 'better-sqlite3';
import type { OnProgress, TableCheck, TablesCheck } from '../../../core/engine/engine.ts';
import { WRITER_STAGE } from '../../../core/event/recorded-event.ts';
import { COMPARE_REMAINDER_EVENTS_MAX, DIFFERENCES_LISTED_MAX } from '../../../core/limits.ts';
import { IRISX } from '../../../core/packaging.ts';
import type { Derivations, Projection } from '../../../core/tables/projection.ts';
import { openReadOnly } from '../file/database.ts';
import { hasColumn } from '../file/schema.ts';
import { headOf, unfoldedEvents } from '../log/event-log.ts';
import { tableProblems } from '../log/table-states.ts';
import { foldAll, temporaryTables } from './side-tables.ts';

/** @throws EngineError, also if the log cannot be read, and what SQLite throws */
export function checkTables(
  databasePath: string,
  { projections }: Derivations,
  onProgress: OnProgress = () => {},
): TablesCheck {
  for (;;) {
    const database = openReadOnly(databasePath);
    try {
      const found = compareAll(database, projections, onProgress);
      if (found !== undefined) return found;
    } finally {
      database.close();
    }
  }
}

/** @returns undefined if a rebuild has meanwhile folded events that were left out here: then all of it must be repeated */
function compareAll(
  database: Database,
  projections: readonly Projection[],
  onProgress: OnProgress,
): TablesCheck | undefined {
  const again = temporaryTables(database, projections, false);
  const headSeq = () => headOf(database).seq;
  for (let head = headSeq(); head - again.folded > COMPARE_REMAINDER_EVENTS_MAX; head = headSeq())
    foldAll(database, again, head, onProgress);
  return database.transaction(() => {
    const seq = headSeq();
    foldAll(database, again, seq, onProgress);
    const unfolded = unfoldedEvents(database, 0, seq).map((event) => event.seq);
    const leftOut = list(
      database,
      `SELECT seq FROM temp.failures WHERE stage = '${WRITER_STAGE}' ORDER BY seq`,
    );
    if (leftOut.join() !== unfolded.join()) return undefined;
    const problems = tableProblems(database, projections);
    const checks = projections.map((projection) => {
      const { name, key } = projection;
      const problem = problems.find((each) => each.projection === projection);
      if (problem !== undefined) return broken(name, problem.text);
      const columns = projection.columns.map((column) => column.name);
      const missing = columns.filter((column) => !hasColumn(database, name, column));
      if (missing.length > 0) {
        return broken(
          name,
          `the table ${name} has no column ${missing.join(', ')}: increase the version of the projection`,
        );
      }
      return compare(database, name, [key], columns);
    });
    const failuresKey = ['seq', 'stage', 'field'];
    checks.push(
      hasColumn(database, 'failures', 'field')
        ? compare(database, 'failures', failuresKey, [...failuresKey, 'error'])
        : broken('failures', OLDER_FAILURES),
    );
    return { seq, checks, unfolded };
  })();
}

const OLDER_FAILURES = `the table failures was made by older code: start the server or run ${IRISX} rebuild, which update the file`;

function broken(name: string, difference: string): TableCheck {
  return { name, rows: 0, differences: [difference], differenceCount: 1 };
}

function compare(database: Database, name: string, key: string[], columns: string[]): TableCheck {
  const on = key.map((column) => `live.${column} = again.${column}`).join(' AND ');
  const shown = (table: string) => `concat_ws(' ', ${key.map((column) => `nullif(${table}.${column}, '')`)})`;
  const named = columns
    .filter((column) => !key.includes(column))
    .map((column) => `CASE WHEN live.${column} IS NOT again.${column} THEN ' ${column}' ELSE '' END`)
    .join(' || ');
  const differ = columns.map((column) => `live.${column} IS NOT again.${column}`).join(' OR ');
  const [main, temp] = [`main.${name} AS live`, `temp.${name} AS again`];
  const lines = [
    `SELECT ${shown('live')} || ': in the live table only'
     FROM ${main} LEFT JOIN ${temp} ON ${on} WHERE again.rowid IS NULL`,
    `SELECT ${shown('again')} || ': missing in the live table'
     FROM ${temp} LEFT JOIN ${main} ON ${on} WHERE live.rowid IS NULL`,
    `SELECT ${shown('live')} || ': differs in' || ${named} FROM ${main} JOIN ${temp} ON ${on} WHERE ${differ}`,
  ].flatMap((sql) => list(database, sql));
  const rows = database.prepare(`SELECT count(*) FROM main.${name}`).pluck().get() as number;
  const differences = lines.slice(0, DIFFERENCES_LISTED_MAX).map((line) => `${name} ${line}`);
  return { name, rows, differences, differenceCount: lines.length };
}

function list(database: Database, sql: string): string[] {
  return database.prepare(sql).pluck().all() as string[];
}
