/**
 * Reads the log and its tables over a connection of its own, while others write. Reads are short, because a WAL can
 * start over only when nobody reads it.
 */

import type { Database } from 'better-sqlite3';
import type { Reader, SqlValue } from '../../core/engine/reader.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { Projection, Row } from '../../core/tables/projection.ts';
import { openReadOnly } from './file/database.ts';
import { dataVersion } from './file/statement.ts';
import { allAtEdge, atEdge, faultText } from './file/storage-fault.ts';
import {
  columnOf,
  failuresOf,
  handlerEvents,
  headOf,
  storedEvents,
  unfoldedEvents,
} from './log/event-log.ts';
import { countsByTime, defineMentions, failedNaming, naming, search } from './log/event-search.ts';
import { readingPauses } from './log/reading-pauses.ts';
import { reflectedSeqOf, tableProblems } from './log/table-states.ts';

/** @throws EngineError */
export function openReader(databasePath: string, projections: readonly Projection[]): Reader {
  return createReader(openReadOnly(databasePath), projections);
}

/** @param database a read-only connection, which the reader closes */
export function createReader(database: Database, projections: readonly Projection[]): Reader {
  defineMentions(database);
  let pause: (() => void) | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  const reads = allAtEdge<Omit<Reader, 'inSnapshot'>>({
    head: () => headOf(database),
    stored: (after, limit) => storedEvents(database, after, limit),
    forHandlers: (after, limit) => handlerEvents(database, after, limit),
    chainOf: (seq) => columnOf(database, 'chain', seq) ?? new Uint8Array(),
    receivedAtMs: (seq) => columnOf(database, 'received_at_ms', seq),
    failuresOf: (seq) => failuresOf(database, seq),
    unfolded: (after, upTo) => unfoldedEvents(database, after, upTo).map(({ seq }) => seq),
    search: (piece) => search(database, piece),
    naming: (id, from, upTo, limit) => naming(database, id, from, upTo, limit),
    failedNaming: (stage, id, limit) => failedNaming(database, stage, id, limit),
    countsByTime: (after, upTo, stepMs) => countsByTime(database, after, upTo, stepMs),
    tableProblems: () => tableProblems(database, projections),
    reflectedSeq: () => reflectedSeqOf(database, projections),
    row: ({ name, key: column }, key) =>
      database.prepare<[string], Row>(`SELECT * FROM ${name} WHERE ${column} = ?`).get(key),
    query: (sql, ...values) => rowsOf(database, sql, values),
    damage: () => damageOf(database),
    version: () => dataVersion(database),
    rest() {
      pause ??= readingPauses(database);
      pause();
    },
    close: () => void database.close(),
  });
  const within: Reader = { ...reads, inSnapshot: (work) => work(within) };

  /** One after another: a connection has at most one transaction. */
  function inSnapshot<T>(work: (reader: Reader) => Promise<T>): Promise<T> {
    const result = turn.then(async () => {
      await atEdge(() => database.exec('BEGIN'));
      try {
        return await work(within);
      } finally {
        if (database.inTransaction) await atEdge(() => database.exec('COMMIT'));
      }
    });
    turn = result.catch(() => {});
    return result;
  }

  return { ...reads, inSnapshot };
}

/** @throws EngineError also for what the driver refuses by itself, such as too few values or a statement that writes */
function rowsOf(database: Database, sql: string, values: readonly SqlValue[]): Record<string, unknown>[] {
  try {
    return database.prepare<SqlValue[], Record<string, unknown>>(sql).all(...values);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    throw new EngineError('statement', error.message, { cause: error });
  }
}

function damageOf(database: Database): readonly string[] {
  try {
    const found = database.prepare('PRAGMA integrity_check').pluck().all() as string[];
    return found.length === 1 && found[0] === 'ok' ? [] : found.flatMap((text) => text.split('\n'));
  } catch (error) {
    return [faultText(error)];
  }
}
