/**
 * The fixed part of the database file: its identifying marks, the event log, the failures and the state of the
 * projections. The projections' tables are created from their definitions.
 */

import type { Database } from 'better-sqlite3';
import { columnType } from '../../../core/tables/column-check.ts';
import type { Projection } from '../../../core/tables/projection.ts';

/** `application_id` of our files: "IRSX" in ASCII. */
export const APPLICATION_ID = 0x49525358;
/** `user_version` of the schema below. A file with a higher one was made by newer code. */
export const SCHEMA_VERSION = 2;

/** Creates everything in an empty database; execute it inside one transaction. */
export const SCHEMA = `
CREATE TABLE events (
  seq             INTEGER PRIMARY KEY,
  body_time_ms    INTEGER NOT NULL,
  body_sha256     BLOB    NOT NULL,
  body            BLOB    NOT NULL,
  type            TEXT,
  event_id        TEXT,
  path            TEXT    NOT NULL,
  signature       BLOB,
  signed_at       INTEGER NOT NULL,
  received_at_ms  INTEGER NOT NULL,
  event_header    TEXT,
  event_id_header TEXT,
  chain           BLOB    NOT NULL,
  UNIQUE (body_time_ms, body_sha256)
) STRICT;

CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the event log is append-only: events cannot be changed'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the event log is append-only: events cannot be deleted'); END;

CREATE VIEW events_json AS
SELECT
  seq,
  type,
  strftime('%Y-%m-%dT%H:%M:%fZ', received_at_ms / 1000.0, 'unixepoch') AS received_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', signed_at, 'unixepoch') AS signed_at,
  path,
  event_id,
  event_header,
  event_id_header,
  lower(hex(body_sha256)) AS body_sha256,
  lower(hex(signature)) AS signature,
  lower(hex(chain)) AS chain,
  CAST(body AS TEXT) AS body
FROM events;

CREATE TABLE projections (
  name        TEXT    NOT NULL UNIQUE,
  version     INTEGER NOT NULL,
  applied_seq INTEGER NOT NULL
) STRICT;

CREATE TABLE storage_probe (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  tried_at INTEGER NOT NULL,
  filler   BLOB    NOT NULL
) STRICT;
`;

/** The table `failures` under any name: a rebuild creates a second one next to the live one. */
export function failuresTable(name: string): string {
  return `CREATE TABLE ${name} (
  seq   INTEGER NOT NULL,
  stage TEXT    NOT NULL,
  field TEXT    NOT NULL,
  error TEXT    NOT NULL,
  UNIQUE (seq, stage, field)
) STRICT`;
}

/** @param table the name to create it under: `calls`, `calls_next` or `temp.calls` */
export function createTableSql(projection: Projection, table: string): string {
  const columns = projection.columns.map(
    (column) => `  ${column.name} ${columnType(column, column.name === projection.key)}`,
  );
  const generated = Object.entries(projection.generated ?? {}).map(([name, type]) => `  ${name} ${type}`);
  return `CREATE TABLE ${table} (\n${[...columns, ...generated].join(',\n')}\n) STRICT`;
}

/** Whether a table of the file, not a temporary one, has a column. */
export function hasColumn(database: Database, table: string, column: string): boolean {
  const find = database.prepare("SELECT 1 FROM pragma_table_info(?, 'main') WHERE name = ?");
  return find.get(table, column) !== undefined;
}
