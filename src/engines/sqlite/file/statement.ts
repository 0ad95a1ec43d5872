/** Prepares each statement of a connection once, when it is first used: preparing costs more than most of them. */

import type { Database, Statement } from 'better-sqlite3';

const prepared = new WeakMap<Database, Map<string, Statement<unknown[], unknown>>>();

/**
 * @param sql a constant, not text with values in it: each one is kept for as long as the connection
 * @returns the statement of this connection; every caller with the same text gets the same one
 * @throws what SQLite throws, for example if a table is missing
 */
export function statement<P extends unknown[] = unknown[], R = unknown>(
  database: Database,
  sql: string,
): Statement<P, R> {
  let statements = prepared.get(database);
  if (statements === undefined) {
    statements = new Map();
    prepared.set(database, statements);
  }
  let found = statements.get(sql);
  if (found === undefined) {
    found = database.prepare(sql);
    statements.set(sql, found);
  }
  return found as unknown as Statement<P, R>;
}

/** A number that changes when another connection has committed; read inside a transaction, it is certain. */
export function dataVersion(database: Database): number | undefined {
  return statement<[], { readonly data_version: number }>(database, 'PRAGMA data_version').get()
    ?.data_version;
}
