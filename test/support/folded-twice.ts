/** A log in memory whose events are folded live, as the writer does, and again, as a rebuild does. */

import assert from 'node:assert/strict';
import type { Database, Statement } from 'better-sqlite3';
import type { Delivery, Recorded } from '../../src/core/event/delivery.ts';
import type { Failure } from '../../src/core/event/recorded-event.ts';
import { createTableSql, failuresTable } from '../../src/engines/sqlite/file/schema.ts';
import { addFailure, headOf } from '../../src/engines/sqlite/log/event-log.ts';
import { foldRange, Rows as TableRows } from '../../src/engines/sqlite/log/rows.ts';
import { derivations } from '../../src/projections/index.ts';
import { appenderOf, openInMemory } from './database.ts';
import type { Random } from './random.ts';

export type Rows = Record<string, unknown>[];

/** An answer, and whether it was given while all tables reflected the log. */
export type Answer = Recorded & { readonly isWhole: boolean };

/** A database that every history starts with empty, and a second set of tables for folding the log again. */
export class FoldedTwice {
  readonly #database: Database = openInMemory();
  #appender = appenderOf(this.#database, derivations);
  readonly #again: TableRows[];
  readonly #addFailureAgain = (failure: Failure) => addFailure(this.#database, failure, 'again.failures');
  readonly #prepared = new Map<string, Statement<unknown[]>>();

  constructor() {
    const database = this.#database;
    database.exec('DROP TRIGGER events_no_delete');
    database.exec("ATTACH ':memory:' AS again");
    database.exec(failuresTable('again.failures'));
    this.#again = derivations.projections.map((projection) => {
      database.exec(createTableSql(projection, `again.${projection.name}`));
      return new TableRows(database, projection, `again.${projection.name}`);
    });
  }

  /** Appends deliveries in batches of random size to an empty log. Occasionally a table lags for some of them. */
  append(deliveries: readonly Delivery[], random: Random): Answer[] {
    this.#empty();
    const answers: Answer[] = [];
    for (let from = 0; from < deliveries.length; ) {
      const size = 1 + random.below(8);
      const lagging = random.chance(0.1) ? random.pick(derivations.projections) : undefined;
      if (lagging !== undefined) this.#setVersion(lagging.name, 99);
      const { outcomes } = this.#appender.append(deliveries.slice(from, from + size));
      answers.push(...outcomes.map((outcome) => ({ ...outcome, isWhole: lagging === undefined })));
      if (lagging !== undefined) this.#setVersion(lagging.name, lagging.version);
      from += size;
    }
    assert.deepEqual(this.#appender.append([]).lagging, []);
    return answers;
  }

  /** Folds the log again from its first event, as a rebuild does. */
  foldAgain(): void {
    const head = headOf(this.#database).seq;
    for (let after = 0; after < head; ) {
      const { seq, failures } = foldRange(this.#database, after, head, this.#again, true);
      for (const failure of failures) this.#addFailureAgain(failure);
      after = seq;
    }
    for (const table of this.#again) table.write(this.#addFailureAgain);
  }

  /** The answers to deliveries that the log has, once the failures of foldAgain() have replaced the live ones. */
  answersAfterRebuild(deliveries: readonly Delivery[]): Answer[] {
    this.#prepare('DELETE FROM main.failures').run();
    this.#prepare('INSERT INTO main.failures SELECT * FROM again.failures').run();
    return this.#appender.append(deliveries).outcomes.map((outcome) => ({ ...outcome, isWhole: true }));
  }

  /** The rows of every table with all columns. */
  tables(schema: 'main' | 'again'): Record<string, Rows> {
    const rows = (table: string, key: string) =>
      this.#prepare(`SELECT * FROM ${schema}.${table} ORDER BY ${key}`).all() as Rows;
    return {
      ...Object.fromEntries(derivations.projections.map(({ name, key }) => [name, rows(name, key)])),
      failures: rows('failures', 'seq, stage, field'),
    };
  }

  /** The tables without anything that depends on arrival: rows without seq, failures by their body. */
  meaning(): Record<string, Rows> {
    const failures = this.#prepare(
      `SELECT CAST(body AS TEXT) AS body, stage, field, error
       FROM failures JOIN events USING (seq) ORDER BY body_sha256, stage, field`,
    ).all() as Rows;
    const tables = this.tables('main');
    for (const rows of Object.values(tables)) {
      for (const row of rows) {
        delete row['first_seq'];
        delete row['last_seq'];
      }
    }
    return { ...tables, failures };
  }

  get eventCount(): number {
    return this.#appender.head().seq;
  }

  #setVersion(name: string, version: number): void {
    this.#prepare('UPDATE projections SET version = ? WHERE name = ?').run(version, name);
    this.#appender = appenderOf(this.#database, derivations); // it notices only writes of other connections
  }

  #empty(): void {
    this.#prepare('DELETE FROM events').run();
    this.#prepare('UPDATE projections SET applied_seq = 0').run();
    for (const schema of ['main', 'again']) {
      this.#prepare(`DELETE FROM ${schema}.failures`).run();
      for (const { name } of derivations.projections) this.#prepare(`DELETE FROM ${schema}.${name}`).run();
    }
    this.#appender = appenderOf(this.#database, derivations);
    for (const table of this.#again) table.forget();
  }

  #prepare(sql: string): Statement<unknown[]> {
    const statement = this.#prepared.get(sql) ?? this.#database.prepare<unknown[]>(sql);
    this.#prepared.set(sql, statement);
    return statement;
  }
}
