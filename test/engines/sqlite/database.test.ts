import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { EngineError } from '../../../src/core/engine-error.ts';
import { BUSY_TIMEOUT_MS, WAL_CHECKPOINT_BYTES } from '../../../src/core/limits.ts';
import type { Derivations } from '../../../src/core/tables/projection.ts';
import { flushWal } from '../../../src/engines/sqlite/file/checkpoints.ts';
import {
  openDatabase,
  openReadOnly,
  prepareDatabaseFile,
} from '../../../src/engines/sqlite/file/database.ts';
import { APPLICATION_ID, SCHEMA_VERSION } from '../../../src/engines/sqlite/file/schema.ts';
import { updateViews, withoutViews } from '../../../src/engines/sqlite/file/views.ts';
import { derivations } from '../../../src/projections/index.ts';
import {
  appenderOf,
  changeFile,
  modeOf,
  openTestDatabase,
  type TestDatabase,
} from '../../support/database.ts';
import { delivery } from '../../support/events.ts';
import { query, temporaryFolder } from '../../support/receiver.ts';
import { undoneAfterEach } from '../../support/undo.ts';

const atEnd = undoneAfterEach();

function newFolder(): string {
  const { path, remove } = temporaryFolder();
  atEnd(remove);
  return path;
}

function newDatabase(): TestDatabase {
  const opened = openTestDatabase();
  atEnd(opened.close);
  return opened;
}

const RINGING = delivery({ event: 'call.ringing', data: { call_uuid: 'c1' } });

/** Opens a database, appends events, and closes it. */
function makeDatabase(path: string, events = 1): void {
  prepareDatabaseFile(path);
  const database = openDatabase(path, derivations);
  const appender = appenderOf(database, derivations);
  appender.append(
    Array.from({ length: events }, (_, n) =>
      delivery({ event: 'call.ringing', data: { call_uuid: `c${n}` } }),
    ),
  );
  database.close();
}

/** The one-line message for the operator. */
function refusal(open: () => unknown): string {
  try {
    open();
  } catch (error) {
    assert.ok(error instanceof EngineError && error.kind === 'refused', String(error));
    assert.doesNotMatch(error.message, /\n/);
    return error.message;
  }
  return assert.fail('it was opened');
}

describe('a fresh database', () => {
  it('has the pragmas that durability depends on, read back from the connection', () => {
    const { database } = newDatabase();
    const pragma = (name: string) => database.pragma(name, { simple: true });
    assert.equal(pragma('journal_mode'), 'wal');
    assert.equal(pragma('synchronous'), 2, 'FULL');
    assert.equal(pragma('busy_timeout'), BUSY_TIMEOUT_MS);
    assert.equal(pragma('wal_autocheckpoint'), 0);
    assert.equal(pragma('trusted_schema'), 0);
    assert.equal(pragma('journal_size_limit'), WAL_CHECKPOINT_BYTES);
    assert.equal(pragma('application_id'), APPLICATION_ID);
    assert.equal(pragma('user_version'), SCHEMA_VERSION);
    assert.equal(pragma('integrity_check'), 'ok');
  });

  it('has the same pragmas on every later connection', () => {
    const path = join(newFolder(), 'irisx.db');
    makeDatabase(path);
    const database = openDatabase(path, derivations);
    assert.equal(database.pragma('synchronous', { simple: true }), 2);
    assert.equal(database.pragma('wal_autocheckpoint', { simple: true }), 0);
    assert.equal(database.pragma('trusted_schema', { simple: true }), 0);
    database.close();
  });

  it('is readable and writable only by its owner, and so are its side files', () => {
    const { path, appender } = newDatabase();
    appender.append([RINGING]);
    for (const suffix of ['', '-wal', '-shm']) assert.equal(modeOf(path + suffix), '0600', suffix);
  });

  it('is created together with its folder if that is missing', () => {
    const folder = newFolder();
    const path = join(folder, 'a', 'b', 'irisx.db');
    makeDatabase(path);
    assert.equal(modeOf(path), '0600');
    assert.equal(modeOf(join(folder, 'a', 'b')), '0700');
  });

  it('keeps the mode of an existing file', () => {
    const path = join(newFolder(), 'irisx.db');
    writeFileSync(path, '');
    chmodSync(path, 0o640);
    makeDatabase(path);
    assert.equal(modeOf(path), '0640');
  });

  it('has the projections’ tables, empty and up to date, and the version of the views', () => {
    const { rows } = newDatabase();
    assert.deepEqual(rows('SELECT * FROM projections ORDER BY name'), [
      ...derivations.projections
        .map(({ name, version }) => ({ name, version, applied_seq: 0 }))
        .sort((one, other) => (one.name < other.name ? -1 : 1)),
      { name: 'views', version: derivations.viewsVersion, applied_seq: 0 },
    ]);
    for (const table of ['events', 'failures', 'calls', 'sms_messages', 'recordings', 'contacts'])
      assert.deepEqual(rows(`SELECT * FROM ${table}`), []);
  });

  it('has views that work with and without events', () => {
    const { appender, rows } = newDatabase();
    const views = rows("SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY name").map(
      ({ name }) => name,
    );
    assert.deepEqual(views, ['events_json', ...derivations.views.map(({ name }) => name)].toSorted());
    for (const view of views) assert.deepEqual(rows(`SELECT * FROM ${view}`), [], String(view));

    appender.append(
      [
        { event: 'call.completed', data: { call_uuid: 'c1', duration: 90, cost: 0.0125 } },
        { event: 'sms.delivered', data: { message_id: 'm1' } },
        { event: 'sms.received', data: { message_id: 'm2', from: '+1', body: 'stop' } },
        { event: 'sms.received', data: { message_id: 'm3', from: '+1', body: 'Hello' } },
        { event: 'recording.complete', data: { recording_id: 'r1', call_uuid: 'c1' } },
      ].map((body) => delivery(body)),
    );
    for (const view of views) assert.ok(rows(`SELECT * FROM ${view}`).length > 0, String(view));
    assert.equal(
      rows('SELECT body FROM events_json WHERE seq = 2')[0]?.['body'],
      '{"event":"sms.delivered","data":{"message_id":"m1"}}',
    );
  });
});

describe('the event log', () => {
  it('refuses UPDATE and DELETE of any event', () => {
    const { database, appender, rows } = newDatabase();
    appender.append([RINGING]);
    const before = rows('SELECT * FROM events');
    for (const sql of [
      "UPDATE events SET path = '/x'",
      'UPDATE events SET seq = seq + 1',
      'DELETE FROM events',
      'DELETE FROM events WHERE seq = 1',
    ]) {
      assert.throws(() => database.exec(sql), /append-only: events cannot be (changed|deleted)/, sql);
    }
    assert.deepEqual(rows('SELECT * FROM events'), before);
  });

  it('refuses a second event with the same body or the same seq', () => {
    const { database, appender } = newDatabase();
    appender.append([RINGING]);
    const insert = (seq: number, digest: string) =>
      database.exec(
        `INSERT INTO events (seq, body_time_ms, body_sha256, body, path, signed_at, received_at_ms, chain)
           SELECT ${seq}, body_time_ms, ${digest}, body, path, signed_at, received_at_ms, chain FROM events`,
      );
    assert.throws(() => insert(2, 'body_sha256'), /UNIQUE constraint failed/);
    assert.throws(() => insert(1, "x'00'"), /UNIQUE constraint failed/);
  });
});

describe('a file that is not ours', () => {
  const digestOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
  /** The contents of the folder, byte for byte. */
  const contents = (folder: string) =>
    readdirSync(folder)
      .toSorted()
      .map((name) => [name, digestOf(join(folder, name))]);

  const CASES: { what: string; says: RegExp; make: (path: string) => void }[] = [
    {
      what: 'text',
      says: /is not a SQLite database: set DATABASE_URL/,
      make: (path) => writeFileSync(path, 'These are notes.\n'),
    },
    {
      what: 'two bytes',
      says: /is not a SQLite database/,
      make: (path) => writeFileSync(path, 'xx'),
    },
    {
      what: 'a megabyte of garbage',
      says: /is not a SQLite database/,
      make: (path) => writeFileSync(path, Buffer.alloc(1024 * 1024, 0xa5)),
    },
    {
      what: 'zeros',
      says: /is not a SQLite database/,
      make: (path) => writeFileSync(path, Buffer.alloc(8192)),
    },
    {
      what: 'another program’s database',
      says: /is a database of another program \(application_id 0, 1 objects\): set DATABASE_URL/,
      make: (path) => changeFile(path, 'CREATE TABLE notes (text TEXT)'),
    },
    {
      what: 'another program’s database in WAL mode',
      says: /is a database of another program/,
      make: (path) =>
        changeFile(
          path,
          'PRAGMA journal_mode = WAL; CREATE TABLE notes (text); INSERT INTO notes VALUES (1)',
        ),
    },
    {
      what: 'an empty database that another program has marked',
      says: /is a database of another program \(application_id 252006674, 0 objects\)/,
      make: (path) => changeFile(path, 'PRAGMA application_id = 252006674'),
    },
    {
      what: 'one made by a newer version of this program',
      says: new RegExp(
        `by a newer version of this program \\(schema ${SCHEMA_VERSION + 1}, this one knows ${SCHEMA_VERSION}\\)`,
      ),
      make: (path) => {
        makeDatabase(path);
        changeFile(path, `PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
      },
    },
    ...[16, 100, 600, 4096, 5000, 20_000].map((bytes) => ({
      what: `ours, cut to ${bytes} bytes`,
      says: /is (not a SQLite database|damaged): /,
      make: (path: string) => {
        makeDatabase(path, 500);
        truncateSync(path, bytes);
      },
    })),
  ];

  for (const { what, says, make } of CASES) {
    it(`(${what}) is refused in one clear line and left untouched`, () => {
      const folder = newFolder();
      const path = join(folder, 'irisx.db');
      make(path);
      const before = contents(folder);
      prepareDatabaseFile(path);
      const message = refusal(() => openDatabase(path, derivations));
      assert.ok(message.startsWith(path), message);
      assert.match(message, says);
      assert.deepEqual(contents(folder), before);
      const digest = digestOf(path);
      assert.match(
        refusal(() => openReadOnly(path)),
        says,
      );
      assert.equal(digestOf(path), digest);
    });
  }

  it('(a directory) is refused', () => {
    const path = join(newFolder(), 'irisx.db');
    mkdirSync(path);
    assert.match(
      refusal(() => prepareDatabaseFile(path)),
      /is not a file: set DATABASE_URL/,
    );
    assert.match(
      refusal(() => openDatabase(path, derivations)),
      /cannot be opened: check/,
    );
    assert.deepEqual(readdirSync(path), []);
  });

  it('(a path through a file, or a dangling link) is refused', () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'file'), '');
    assert.match(
      refusal(() => prepareDatabaseFile(join(folder, 'file', 'irisx.db'))),
      /cannot be created: check/,
    );
    symlinkSync(join(folder, 'nowhere', 'x'), join(folder, 'link'));
    assert.match(
      refusal(() => prepareDatabaseFile(join(folder, 'link'))),
      /cannot be created: check/,
    );
  });
});

describe('openReadOnly', () => {
  it('cannot write', () => {
    const path = join(newFolder(), 'irisx.db');
    makeDatabase(path);
    const database = openReadOnly(path);
    assert.equal(database.prepare('SELECT count(*) FROM events').pluck().get(), 1);
    assert.throws(() => database.exec("UPDATE calls SET status = 'x'"), /readonly/);
    database.close();
  });

  it('does not make a missing file, or a schema in an empty one', () => {
    const path = join(newFolder(), 'irisx.db');
    assert.match(
      refusal(() => openReadOnly(path)),
      /cannot be opened/,
    );
    assert.equal(existsSync(path), false);
    writeFileSync(path, '');
    assert.match(
      refusal(() => openReadOnly(path)),
      /is empty: start the server once to create the schema$/,
    );
    assert.equal(readFileSync(path).length, 0);
  });
});

describe('views', () => {
  const withViews = (viewsVersion: number, sql: string): Derivations => ({
    ...derivations,
    views: [{ name: 'report_new', sql }],
    viewsVersion,
  });

  it('of a newer version replace older ones, and older ones never replace newer ones', () => {
    const { database, rows } = newDatabase();
    const names = () =>
      rows("SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY name").map(({ name }) => name);
    updateViews(database, withViews(derivations.viewsVersion + 1, 'SELECT 1 AS one'));
    assert.deepEqual(names(), ['events_json', 'report_new']);
    updateViews(database, derivations);
    assert.deepEqual(names(), ['events_json', 'report_new']);
    assert.deepEqual(rows('SELECT * FROM report_new'), [{ one: 1 }]);
  });

  it('of a user stay, also a copy of ours, and one that has the name of ours', () => {
    const { database, rows } = newDatabase();
    const withNew = (viewsVersion: number, number: number): Derivations => ({
      ...derivations,
      views: [...derivations.views, { name: 'numbers', sql: `SELECT ${number} AS number` }],
      viewsVersion: derivations.viewsVersion + viewsVersion,
    });
    const definitions = () => rows("SELECT name, sql FROM sqlite_master WHERE name LIKE '%numbers'");
    database.exec('CREATE VIEW Numbers AS SELECT 7 AS seven');
    updateViews(database, withNew(1, 1));
    assert.deepEqual(rows('SELECT * FROM numbers'), [{ seven: 7 }]);
    withoutViews(database, withNew(1, 1), () => {});
    assert.deepEqual(rows('SELECT * FROM numbers'), [{ seven: 7 }]);

    database.exec('DROP VIEW numbers');
    updateViews(database, withNew(2, 1));
    const [{ sql } = {}] = definitions();
    database.exec(String(sql).replace('VIEW numbers', 'VIEW my_numbers'));
    updateViews(database, withNew(3, 2));
    assert.deepEqual(rows('SELECT number FROM numbers UNION ALL SELECT number FROM my_numbers'), [
      { number: 2 },
      { number: 1 },
    ]);
    updateViews(database, { ...derivations, viewsVersion: derivations.viewsVersion + 4 });
    assert.deepEqual(definitions(), [
      { name: 'my_numbers', sql: String(sql).replace('numbers', 'my_numbers') },
    ]);
    database.exec('CREATE TABLE numbers (number INTEGER)');
    updateViews(database, withNew(5, 3));
    assert.deepEqual(rows('SELECT * FROM numbers'), []);
  });
});

describe('several processes that open one new file at once', () => {
  it('wait for one that holds the write lock, which SQLite would not do by itself', async () => {
    const path = join(newFolder(), 'irisx.db');
    const holder = `
        import Sqlite from 'better-sqlite3';
        const database = new Sqlite(${JSON.stringify(path)});
        database.exec('BEGIN IMMEDIATE');
        process.stdout.write('locked');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
        database.exec('COMMIT');`;
    prepareDatabaseFile(path);
    const child = spawn(process.execPath, ['--input-type=module', '-e', holder], {
      cwd: join(import.meta.dirname, '../../..'),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(child, 'exit');
    await once(child.stdout, 'data');
    openDatabase(path, derivations).close();
    assert.equal((await exit)[0], 0);
    assert.equal(query(path, 'SELECT count(*) AS n FROM projections')[0]?.['n'], 5);
  });

  it('make a single schema, and all of them can write', async () => {
    const folder = newFolder();
    const script = join(import.meta.dirname, 'open-and-append.ts');
    for (let round = 0; round < 2; round++) {
      const path = join(folder, `new-${round}`, 'irisx.db');
      const names = ['a', 'b', 'c'];
      const children = names.map((name) =>
        spawn(process.execPath, [script, path, name], {
          stdio: ['pipe', 'pipe', 'inherit'],
        }),
      );
      await Promise.all(children.map((child) => once(child.stdout, 'data')));
      const exits = children.map((child) => once(child, 'exit'));
      for (const child of children) child.stdin.write('now\n');
      for (const exit of exits) assert.equal((await exit)[0], 0);
      assert.deepEqual(
        query(path, 'SELECT call_uuid FROM calls ORDER BY call_uuid').map((row) => row['call_uuid']),
        names,
      );
      assert.deepEqual(query(path, 'SELECT seq FROM events ORDER BY seq'), [
        { seq: 1 },
        { seq: 2 },
        { seq: 3 },
      ]);
    }
  });
});

describe('settling the WAL', () => {
  it('is complete unless another connection is still reading an earlier state', () => {
    const test = newDatabase();
    const append = (n: number) => test.appender.append([delivery({ event: 'call.dtmf', data: { n } })]);
    append(1);
    const reader = new Sqlite(test.path, { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM events').get();
    append(2);
    assert.equal(flushWal(test.database, test.path), false);
    reader.exec('COMMIT');
    assert.equal(flushWal(test.database, test.path), true);
    reader.close();
  });
});
