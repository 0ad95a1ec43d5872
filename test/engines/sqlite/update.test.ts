import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { EngineError } from '../../../src/core/engine-error.ts';
import { engineOf } from '../../../src/engines/engine-of.ts';
import { openDatabase } from '../../../src/engines/sqlite/file/database.ts';
import { lockRebuild } from '../../../src/engines/sqlite/file/file-lock.ts';
import { SCHEMA_VERSION } from '../../../src/engines/sqlite/file/schema.ts';
import { derivations } from '../../../src/projections/index.ts';
import { changeFile, compareTables, createDatabase, modeOf } from '../../support/database.ts';
import { call, delivery } from '../../support/events.ts';
import { programFolder } from '../../support/program.ts';
import { query, temporaryFolder, until } from '../../support/receiver.ts';
import { makeSchema1 } from '../../support/schema-1.ts';
import { checkSoundLog } from '../../support/sound-log.ts';
import { undoneAfterEach } from '../../support/undo.ts';

const atEnd = undoneAfterEach();
const ALL = derivations.projections;
const DELIVERIES = [
  call('c1'),
  delivery('[]'),
  call('c1', 'call.answered'),
  delivery('not JSON'),
  call('c2'),
];
const LOG = 'SELECT * FROM events ORDER BY seq';
const FAILURES = 'SELECT seq, stage, error FROM failures ORDER BY seq';

function newPath(): string {
  const { path, remove } = temporaryFolder();
  atEnd(remove);
  return join(path, 'irisx.db');
}

/** A file of schema 1 with events and failures. */
function oldFile(journalMode?: string): string {
  const path = newPath();
  makeSchema1(path, DELIVERIES, journalMode);
  return path;
}

/** @returns the lines for the operator */
async function update(path: string): Promise<string[]> {
  const notes: string[] = [];
  await engineOf(path, derivations).create((text) => notes.push(text));
  return notes;
}

const versionOf = (path: string) => query(path, 'PRAGMA user_version')[0]?.['user_version'];

/** The files next to a database, without the locks and side files. */
function backupsOf(path: string): string[] {
  return readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}.`));
}

describe('the update of a file of an older schema', () => {
  it('keeps the log and the failures, and a rebuild then gives the tables of this code', async () => {
    const path = oldFile();
    const before = { log: query(path, LOG), failures: query(path, FAILURES) };
    assert.equal(before.failures.length, 2);
    await update(path);
    assert.equal(versionOf(path), SCHEMA_VERSION);
    assert.deepEqual({ log: query(path, LOG), failures: query(path, FAILURES) }, before);
    assert.deepEqual(query(path, "SELECT seq FROM failures WHERE field <> ''"), []);

    await engineOf(path, derivations).rebuild({ projections: ALL });
    assert.deepEqual(compareTables(path), { differences: [], unfolded: [] });
    await checkSoundLog(path, { entries: () => [] }, []);
  });

  it('gives the same schema as a new file, apart from the tables that a rebuild replaces', async () => {
    const [path, fresh] = [oldFile(), newPath()];
    await update(path);
    await createDatabase(fresh);
    const fixed = "('events', 'failures', 'projections', 'storage_probe', 'events_json')";
    const schema = `SELECT type, name, sql FROM sqlite_master
      WHERE tbl_name IN ${fixed} AND tbl_name <> 'sqlite_sequence' ORDER BY type, name`;
    assert.deepEqual(query(path, schema), query(fresh, schema));
  });

  it('keeps the user’s own tables and views, also views that do not work', async () => {
    const path = oldFile();
    changeFile(
      path,
      `CREATE VIEW my_failures AS SELECT seq, error FROM failures;
       CREATE VIEW broken AS SELECT * FROM no_such_table;
       CREATE TABLE notes (seq INTEGER, stage TEXT, note TEXT, FOREIGN KEY (seq, stage) REFERENCES failures (seq, stage));
       INSERT INTO notes VALUES (2, 'parse', 'mine');
       CREATE TRIGGER noted AFTER INSERT ON notes BEGIN DELETE FROM failures WHERE seq = NEW.seq; END;`,
    );
    const mine =
      "SELECT * FROM sqlite_master WHERE name IN ('my_failures', 'broken', 'notes', 'noted') ORDER BY name";
    const before = query(path, mine).map(({ name, sql }) => [name, sql]);
    await update(path);
    assert.deepEqual(
      query(path, mine).map(({ name, sql }) => [name, sql]),
      before,
    );
    assert.deepEqual(query(path, 'SELECT note FROM notes'), [{ note: 'mine' }]);
    assert.equal(query(path, 'SELECT * FROM my_failures').length, 2);
  });

  it('is not disturbed by what a killed rebuild of older code has left', async () => {
    const path = oldFile();
    const failures = 'seq INTEGER NOT NULL, stage TEXT NOT NULL, error TEXT NOT NULL, UNIQUE (seq, stage)';
    changeFile(
      path,
      `CREATE TABLE failures_next (${failures}) STRICT; INSERT INTO failures_next VALUES (1, 'calls', 'half');
       CREATE TABLE failures_old (${failures}) STRICT; INSERT INTO failures_old VALUES (1, 'calls', 'old');`,
    );
    await update(path);
    await engineOf(path, derivations).rebuild({ projections: ALL });
    assert.deepEqual(
      query(path, "SELECT name FROM sqlite_master WHERE name LIKE 'failures\\__%' ESCAPE '\\'"),
      [],
    );
    assert.deepEqual(compareTables(path).differences, []);
  });

  it('includes what a killed process has left in the WAL', async () => {
    const path = oldFile();
    const writing = new Sqlite(path);
    atEnd(() => writing.close());
    writing.exec("INSERT INTO failures VALUES (5, 'calls', 'in the WAL')");
    const copy = newPath();
    for (const suffix of ['', '-wal']) copyFileSync(path + suffix, copy + suffix);
    await update(copy);
    for (const file of [copy, `${copy}.schema-1-seq-5`])
      assert.equal(query(file, FAILURES).at(-1)?.['error'], 'in the WAL', file);
  });

  it('does nothing to a new file whose schema is only in the WAL, because its first start was killed', async () => {
    const path = newPath();
    const database = openDatabase(path, derivations);
    atEnd(() => database.close());
    const copy = newPath();
    for (const suffix of ['', '-wal']) copyFileSync(path + suffix, copy + suffix);
    assert.deepEqual(await update(copy), []);
    assert.deepEqual(readdirSync(dirname(copy)), ['irisx.db']);
    assert.equal(versionOf(copy), SCHEMA_VERSION);
  });

  it('waits until another process has ended its rebuild or its transaction', async () => {
    const path = oldFile();
    const unlock = lockRebuild(path);
    assert.ok(unlock !== undefined);
    const notes: string[] = [];
    const updated = engineOf(path, derivations).create((text) => notes.push(text));
    await until(() => notes.length === 1, 'it waits');
    assert.match(notes[0] ?? '', /irisx\.db has an older schema: waiting for another process/);
    assert.equal(versionOf(path), 1);
    unlock();
    await updated;
    assert.equal(versionOf(path), SCHEMA_VERSION);
  });

  it('happens once if several servers start at the same time, and all of them run', async () => {
    const folder = programFolder();
    atEnd(() => folder.remove());
    mkdirSync(dirname(folder.databasePath));
    makeSchema1(folder.databasePath, DELIVERIES);
    const programs = [folder.start(), folder.start(), folder.start()];
    for (const program of programs) await program.listening();
    const backups = programs.filter((program) =>
      program.output().includes('to go back to the older version'),
    );
    assert.equal(backups.length, 1);
    await until(
      () => programs.some((program) => program.output().includes('rebuilt ')),
      'the tables are rebuilt',
    );
    for (const program of programs) await program.stop();
    assert.deepEqual(backupsOf(folder.databasePath), ['irisx.db.schema-1-seq-5']);
    await checkSoundLog(folder.databasePath, { entries: () => [] }, []);
  });
});

describe('the backup before an update', () => {
  for (const mode of ['WAL', 'DELETE'])
    it(`is the whole old file, next to it and only for its owner (journal mode ${mode})`, async () => {
      const path = oldFile(mode);
      const tables = query(path, "SELECT name FROM sqlite_master WHERE type = 'table'").map(
        ({ name }) => name,
      );
      const content = (file: string) => [
        query(file, 'SELECT type, name, sql FROM sqlite_master ORDER BY name'),
        ...tables.map((name) => query(file, `SELECT * FROM ${name}`)),
      ];
      const before = content(path);
      const [started, done, ...more] = await update(path);
      const backup = `${path}.schema-1-seq-5`;
      assert.deepEqual(backupsOf(path), [basename(backup)]);
      assert.deepEqual(content(backup), before);
      assert.equal(versionOf(backup), 1);
      assert.equal(modeOf(backup), '0600');
      assert.equal(query(backup, 'PRAGMA journal_mode')[0]?.['journal_mode'], 'delete');
      assert.match(started ?? '', /is updated from schema 1 to 2: first, a backup of 1 MB is made/);
      assert.match(
        done ?? '',
        new RegExp(
          `the backup from before the update is ${backup}; to go back .*copy the backup to ${path},`,
        ),
      );
      assert.deepEqual(more, []);
    });

  it('replaces what killed updates of the same log have left', async () => {
    const path = oldFile();
    const left = ['.schema-1-seq-5', '.schema-1-partial', '.schema-1-partial-journal'];
    for (const suffix of left) writeFileSync(path + suffix, 'half');
    await update(path);
    assert.deepEqual(backupsOf(path), ['irisx.db.schema-1-seq-5']);
    assert.equal(query(`${path}.schema-1-seq-5`, LOG).length, 5);
  });

  it('is not made for an empty log, nor for a file of this schema', async () => {
    const path = newPath();
    makeSchema1(path, []);
    assert.deepEqual(await update(path), []);
    assert.equal(versionOf(path), SCHEMA_VERSION);
    assert.deepEqual(await update(path), []);
    assert.deepEqual(backupsOf(path), []);
  });
});

it('a file of an older schema is not opened for writing before it is updated', () => {
  const path = oldFile();
  assert.throws(
    () => openDatabase(path, derivations),
    (error) =>
      error instanceof EngineError &&
      error.kind === 'refused' &&
      /written by an older version of this program \(schema 1, this one writes 2\): start the server/.test(
        error.message,
      ),
  );
  assert.equal(versionOf(path), 1);
});
