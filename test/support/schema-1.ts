/** Files as older code made them, with schema 1. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { CHAIN_GENESIS } from '../../src/core/event/chain.ts';
import type { Delivery } from '../../src/core/event/delivery.ts';
import { makeFile } from '../../src/core/private-files.ts';
import { append } from '../../src/core/tables/append.ts';
import { prepare } from '../../src/core/tables/prepare.ts';
import { APPLICATION_ID } from '../../src/engines/sqlite/file/schema.ts';
import { insertEvent } from '../../src/engines/sqlite/log/event-log.ts';
import { derivations } from '../../src/projections/index.ts';

const SCHEMA_1 = readFileSync(join(import.meta.dirname, 'schema-1.sql'), 'utf8');

/**
 * Makes a file of schema 1 with these events, their failures of the stage `parse`, one row of `calls`, and no other
 * rows. Its tables have the version 0, so that any code considers them older.
 */
export function makeSchema1(path: string, deliveries: readonly Delivery[], journalMode = 'WAL'): void {
  makeFile(path);
  const database = new Sqlite(path);
  try {
    database.pragma(`journal_mode = ${journalMode}`);
    database.exec('BEGIN');
    database.exec(SCHEMA_1);
    const batch = deliveries.map((each) => prepare(each, []));
    const unknown = batch.map(() => undefined);
    const { events, head } = append(batch, { seq: 0, chain: CHAIN_GENESIS }, unknown);
    const addFailure = database.prepare('INSERT INTO failures (seq, stage, error) VALUES (?, ?, ?)');
    for (const { seq, stored, prepared } of events) {
      insertEvent(database, stored);
      for (const { stage, error } of prepared.failures) addFailure.run(seq, stage, error);
    }
    const addState = database.prepare('INSERT INTO projections VALUES (?, 0, ?)');
    for (const { name } of derivations.projections) addState.run(name, head.seq);
    addState.run('views', 0);
    database.exec(`
      INSERT INTO calls (call_uuid, status, event_count, first_seq, last_seq, status_at_ms, value_times_ms)
      VALUES ('c1', 'ringing', 1, 1, 1, 0, '{}')`);
    database.pragma(`application_id = ${APPLICATION_ID}`);
    database.pragma('user_version = 1');
    database.exec('COMMIT');
  } finally {
    database.close();
  }
}
