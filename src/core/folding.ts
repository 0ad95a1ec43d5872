/** Folds ranges of the log into tables: shared by rebuilds, table checks, views of the past and lagging tables. */

import type { Database } from 'better-sqlite3';
import { readBody } from './event.ts';
import type { EventLog } from './event-log.ts';
import { foldEvent } from './fold-event.ts';
import { LOG_RANGE_EVENTS } from './limits.ts';
import { IRISX } from './packaging.ts';
import type { Projection } from './projection.ts';
import { type AddFailure, createTableSql, ProjectionTable } from './projection-table.ts';
import { failuresTable } from './schema.ts';

export interface Folded {
  /** The last folded event; `after` if none was folded. */
  readonly seq: number;
  /** Approximate size of the bodies. */
  readonly bytes: number;
}

/** Creates empty tables for the projections, and one for failures, in an attached or the temporary schema. */
export function makeTables(
  database: Database,
  schema: string,
  projections: readonly Projection[],
): { readonly tables: readonly ProjectionTable[]; readonly addFailure: AddFailure } {
  const tables = projections.map((projection) => {
    const name = `${schema}.${projection.name}`;
    database.exec(createTableSql(projection, name));
    return new ProjectionTable(database, projection, name);
  });
  database.exec(failuresTable(`${schema}.failures`));
  const insert = database.prepare(`INSERT INTO ${schema}.failures (seq, stage, error) VALUES (?, ?, ?)`);
  return { tables, addFailure: (...failure) => void insert.run(...failure) };
}

/**
 * Folds up to LOG_RANGE_EVENTS events with `after` < seq ≤ `upTo`, in memory.
 * @throws only errors that storageFault() classifies as storage faults
 */
export function foldRange(
  log: EventLog,
  after: number,
  upTo: number,
  tables: readonly ProjectionTable[],
  addFailure: AddFailure,
): Folded {
  let seq = after;
  let bytes = 0;
  for (const recorded of log.range(after, upTo, LOG_RANGE_EVENTS)) {
    foldEvent(readBody(recorded.body, recorded.eventHeader), recorded, tables, addFailure);
    bytes += recorded.body.length;
    seq = recorded.seq;
  }
  return { seq, bytes };
}

/** Error for events that exist but cannot be read: tables without them would be wrong. */
export function unreadable(after: number, upTo: number): Error {
  return new Error(
    `the log cannot be read beyond seq ${after} of ${upTo}: run ${IRISX} verify to find the damage`,
  );
}
