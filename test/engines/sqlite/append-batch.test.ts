import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { CHAIN_GENESIS, chainLink } from '../../../src/core/event/chain.ts';
import type { Recorded } from '../../../src/core/event/delivery.ts';
import { CALL_UUID, FieldError } from '../../../src/core/event/field-kinds.ts';
import { LOG_READ_EVENTS_MAX, ROWS_KEPT_BYTES_MAX } from '../../../src/core/limits.ts';
import type { Derivations, Projection } from '../../../src/core/tables/projection.ts';
import { openDatabase } from '../../../src/engines/sqlite/file/database.ts';
import { storedEvents } from '../../../src/engines/sqlite/log/event-log.ts';
import { calls } from '../../../src/projections/calls.ts';
import { derivations } from '../../../src/projections/index.ts';
import {
  appenderOf,
  changeFile,
  openTestDatabase,
  type TestAppender,
  type TestDatabase,
} from '../../support/database.ts';
import { bytesOf, call, delivery, outcomeTexts, T0_MS, T0_S } from '../../support/events.ts';
import { undoneAfterEach } from '../../support/undo.ts';

const atEnd = undoneAfterEach();

function given(projections: Derivations = derivations): TestDatabase {
  const each = openTestDatabase(projections);
  atEnd(each.close);
  return each;
}

function reopened(path: string): TestAppender {
  const database = openDatabase(path, derivations);
  atEnd(() => database.close());
  return appenderOf(database, derivations);
}

/** A projection of calls with two columns, whose fold function comes from the test. */
function made(
  name: string,
  fold: (callUuid: string, row: Readonly<Record<string, unknown>> | undefined) => unknown,
  version = 1,
): Projection {
  return {
    name,
    version,
    key: 'call_uuid',
    columns: [
      { name: 'call_uuid', kind: 'TEXT', isNullable: false },
      { name: 'n', kind: 'INTEGER', isNullable: false },
    ],
    generated: { checked: 'INTEGER GENERATED ALWAYS AS (n) VIRTUAL CHECK (n < 100)' },
    keyOf: ({ fields }) => fields.get(CALL_UUID),
    fold: (row, _event, key) => ({ call_uuid: key, n: fold(key, row) as number }),
  };
}

const countOf = (row: Readonly<Record<string, unknown>> | undefined) => Number(row?.['n'] ?? 0) + 1;
const only = (...projections: Projection[]): Derivations => ({ projections, views: [], viewsVersion: 1 });
const errorsOf = (outcomes: readonly Recorded[]) => outcomes.map(({ error }) => error);

describe('a batch', () => {
  it('records each delivery with every column, and answers each in order', () => {
    const { appender, rows } = given();
    const first = delivery(
      '{"event":"call.ringing","event_id":7,"timestamp":1795000001,"data":{"call_uuid":"a"}}',
      {
        path: '/webhooks/calls',
        eventHeader: 'call.ringing',
        eventIdHeader: 'e-7',
      },
    );
    const second = delivery('not JSON', { signature: null, eventHeader: 'sms.sent', signedAt: T0_S + 5 });
    const { outcomes, lagging, isBehind } = appender.append([first, second]);
    assert.deepEqual(outcomes, [
      {
        kind: 'recorded',
        seq: 1,
        duplicate: false,
        type: 'call.ringing',
        error: null,
        warnings: [],
        otherEventHeader: false,
      },
      {
        kind: 'recorded',
        seq: 2,
        duplicate: false,
        type: 'sms.sent',
        error: 'the body is not valid JSON',
        warnings: [],
        otherEventHeader: false,
      },
    ]);
    assert.deepEqual(lagging, []);
    assert.equal(isBehind, false);
    const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
    const [one, two] = rows('SELECT * FROM events ORDER BY seq');
    const { chain: firstChain, ...firstColumns } = one ?? {};
    assert.deepEqual(firstColumns, {
      seq: 1,
      body_time_ms: T0_MS + 1000,
      body_sha256: sha256(first.body),
      body: Buffer.from(first.body),
      type: 'call.ringing',
      event_id: '7',
      path: '/webhooks/calls',
      signature: Buffer.from('ab'.repeat(32), 'hex'),
      signed_at: T0_S,
      received_at_ms: T0_MS + 250,
      event_header: 'call.ringing',
      event_id_header: 'e-7',
    });
    assert.equal(two?.['signature'], null);
    assert.equal(two?.['body_time_ms'], 0);
    assert.deepEqual(firstChain, chainLink(CHAIN_GENESIS, firstColumns as never));
    assert.deepEqual(two?.['chain'], chainLink(firstChain as Uint8Array, two as never));
    assert.deepEqual(appender.head(), { seq: 2, chain: two?.['chain'] });
  });

  it('keeps the exact bytes of any body', () => {
    const { appender, rows } = given();
    const bodies = ['{"a":"\\ud800"}', '\ufeff{}', '{"a":"\0"}', ' {"a":1e400}\n', '', '{"a":1,"a":2}'].map(
      (text) => Buffer.from(text),
    );
    bodies.push(Buffer.from([0xff, 0x00, 0xfe]));
    appender.append(bodies.map((body) => delivery(body)));
    assert.deepEqual(
      rows('SELECT body FROM events ORDER BY seq').map(({ body }) => body),
      bodies,
    );
  });

  it('numbers events without a gap, duplicates or not', () => {
    const { appender, rows } = given();
    appender.append([call('a'), call('a'), call('b')]);
    appender.append([call('a'), call('c'), call('b'), call('d')]);
    assert.deepEqual(
      rows('SELECT seq FROM events ORDER BY seq').map(({ seq }) => seq),
      [1, 2, 3, 4],
    );
    assert.deepEqual(
      rows('SELECT applied_seq FROM projections WHERE name <> ?', 'views').map(
        ({ applied_seq }) => applied_seq,
      ),
      [4, 4, 4, 4],
    );
  });
});

describe('a repeated body', () => {
  it('is recorded once and answered with the first one’s seq and type, in one batch and across batches', () => {
    const { appender, rows } = given();
    const retry = {
      ...call('a'),
      signedAt: T0_S + 60,
      receivedAtMs: T0_MS + 60_000,
      signature: 'cd'.repeat(32),
    };
    const { outcomes } = appender.append([call('a'), retry]);
    outcomes.push(...appender.append([retry]).outcomes);
    assert.deepEqual(outcomeTexts(outcomes), ['1', 'again 1', 'again 1']);
    for (const { type } of outcomes) assert.equal(type, 'call.ringing');
    assert.deepEqual(rows('SELECT seq, signed_at FROM events'), [{ seq: 1, signed_at: T0_S }]);
    assert.equal(rows('SELECT event_count FROM calls')[0]?.['event_count'], 1);
  });

  it('with another type in its header gets the first one’s type, and is marked', () => {
    const { appender, rows } = given();
    const bare = (eventHeader: string | null) => delivery('{"call_uuid":"a"}', { eventHeader });
    const { outcomes } = appender.append([
      bare('call.ringing'),
      bare('call.completed'),
      bare(null),
      bare('call.ringing'),
    ]);
    assert.deepEqual(
      outcomes.map(({ type, otherEventHeader }) => [type, otherEventHeader]),
      [
        ['call.ringing', false],
        ['call.ringing', true],
        ['call.ringing', true],
        ['call.ringing', false],
      ],
    );
    assert.deepEqual(rows('SELECT status FROM calls'), [{ status: 'ringing' }]);
  });

  it('that differs in one byte is another event', () => {
    const { appender } = given();
    const { outcomes } = appender.append([delivery('{"event":"x"}'), delivery('{"event":"x"} ')]);
    assert.deepEqual(outcomeTexts(outcomes), ['1', '2']);
  });

  it('is answered with the reason that failures now holds for the event', () => {
    const { appender, database } = given();
    const bad = call('', 'call.completed');
    const reason = 'call_uuid is missing';
    assert.deepEqual(errorsOf(appender.append([bad, bad]).outcomes), [reason, reason]);
    database.exec("UPDATE failures SET error = 'another reason'");
    assert.deepEqual(errorsOf(appender.append([bad]).outcomes), ['another reason']);
    database.exec('DELETE FROM failures');
    assert.deepEqual(errorsOf(appender.append([bad]).outcomes), [null]);
  });
});

describe('a projection that cannot use one event of a batch', () => {
  for (const [what, thrown, noted] of [
    ['a FieldError', new FieldError('n is odd'), /^n is odd$/],
    ['a TypeError', new TypeError('x is not a function'), /^the projection failed: x is not a function$/],
    ['no Error at all', 'a text', /^the projection failed: a text$/],
    ['nothing', undefined, /^the projection failed: /],
    ['an object without a prototype', Object.create(null), /^the projection failed: /],
    [
      'an error whose message cannot be read',
      Object.defineProperty(new Error('x'), 'message', {
        get() {
          throw null;
        },
      }),
      /^the projection failed: /,
    ],
    [
      'a SQLite error',
      new Sqlite.SqliteError('database is locked', 'SQLITE_BUSY'),
      /^the projection failed: /,
    ],
    [
      'a fatal SQLite error',
      new Sqlite.SqliteError('disk I/O error', 'SQLITE_IOERR_FSYNC'),
      /^the projection failed: /,
    ],
  ] as const) {
    it(`(it throws ${what}) records a failure for that event only`, () => {
      const picky = made('picky', (id, row) => {
        if (id === 'bad') throw thrown;
        return countOf(row);
      });
      const { appender, rows } = given(
        only(
          made('tolerant', (_, row) => countOf(row)),
          picky,
        ),
      );
      const [first, error, last] = errorsOf(appender.append([call('a'), call('bad'), call('b')]).outcomes);
      assert.deepEqual([first, last], [null, null]);
      assert.match(error ?? '', noted);
      assert.deepEqual(rows('SELECT * FROM failures'), [{ seq: 2, stage: 'picky', field: '', error }]);
      assert.deepEqual(
        rows('SELECT call_uuid FROM picky ORDER BY 1').map((row) => row['call_uuid']),
        ['a', 'b'],
      );
      assert.deepEqual(
        rows('SELECT call_uuid FROM tolerant ORDER BY 1').map((row) => row['call_uuid']),
        ['a', 'b', 'bad'],
      );
      assert.equal(rows('SELECT count(*) AS n FROM events')[0]?.['n'], 3);
    });
  }

  it('(it returns a promise that is rejected) records a failure, and the process goes on', async () => {
    const picky: Projection = {
      ...made('picky', () => 1),
      fold: (() => Promise.reject(new Error('later'))) as unknown as Projection['fold'],
    };
    const { appender } = given(only(picky));
    assert.match(errorsOf(appender.append([call('a')]).outcomes)[0] ?? '', /^the projection failed: /);
    await new Promise((resolve) => setImmediate(resolve)); // an unhandled rejection would fail this test
  });

  it('(it throws in keyOf) records a failure for that event only', () => {
    const picky: Projection = {
      ...made('picky', (_, row) => countOf(row)),
      keyOf({ fields }) {
        if (fields.get(CALL_UUID) === 'bad') throw new TypeError('oops');
        return fields.get(CALL_UUID);
      },
    };
    const { appender, rows } = given(only(picky));
    assert.deepEqual(errorsOf(appender.append([call('a'), call('bad'), call('b')]).outcomes), [
      null,
      'the projection failed: oops',
      null,
    ]);
    assert.equal(rows('SELECT count(*) AS n FROM picky')[0]?.['n'], 2);
  });

  for (const [what, value, noted] of [
    [
      'breaks a constraint',
      100,
      /^the projection failed: CHECK constraint failed: n < 100 \(SQLITE_CONSTRAINT_CHECK\)$/,
    ],
    ['is of another type', '5', /^the projection failed: the column n is INTEGER.*, got text$/],
  ] as const) {
    it(`(its row ${what}) records a failure for that event only and leaves the row unchanged`, () => {
      const picky = made('picky', (_, row) => (row === undefined ? 1 : value));
      const { appender, rows, database } = given(
        only(
          picky,
          made('tolerant', (_, row) => countOf(row)),
        ),
      );
      const { outcomes } = appender.append([call('a'), call('a', 'call.answered'), call('b')]);
      assert.equal(outcomes[0]?.error, null);
      assert.match(outcomes[1]?.error ?? '', noted);
      assert.equal(outcomes[2]?.error, null);
      assert.equal(database.inTransaction, false);
      assert.deepEqual(rows('SELECT call_uuid, n FROM picky ORDER BY call_uuid'), [
        { call_uuid: 'a', n: 1 },
        { call_uuid: 'b', n: 1 },
      ]);
      assert.deepEqual(rows('SELECT call_uuid, n FROM tolerant ORDER BY call_uuid'), [
        { call_uuid: 'a', n: 2 },
        { call_uuid: 'b', n: 1 },
      ]);
    });
  }

  it('is one of several: each records its own failure, and the answer joins them', () => {
    const failing = (name: string, reason: string) =>
      made(name, () => {
        throw new FieldError(reason);
      });
    const { appender, rows } = given(
      only(failing('first', 'b'), failing('second', 'a'), failing('third', 'a')),
    );
    assert.deepEqual(errorsOf(appender.append([call('x')]).outcomes), ['a; b']);
    assert.deepEqual(
      rows('SELECT stage, error FROM failures ORDER BY stage').map(({ stage, error }) => [stage, error]),
      [
        ['first', 'b'],
        ['second', 'a'],
        ['third', 'a'],
      ],
    );
  });

  it('(a real one) does not affect the rest of the batch or the row of its subject', () => {
    const { appender, rows } = given();
    const { outcomes } = appender.append([
      call('a', 'call.initiated', { from: '+15551230001' }),
      call('a', 'call.completed', { call_uuid: [], cost: 1 }),
      call('b', 'call.completed', { duration: 5 }),
      delivery({ event: 'sms.received', data: { message_id: 'm', body: 'STOP' } }),
      delivery({ event: 'call.ringing', data: [] }),
    ]);
    assert.deepEqual(errorsOf(outcomes), [
      null,
      'call_uuid must be text or a whole number from 0 to 2^53 - 1, got a list',
      null,
      'the opt-out cannot be attributed to a number: from_number is missing',
      'data must be an object, got a list',
    ]);
    assert.deepEqual(
      rows('SELECT call_uuid, status, event_count, total_cost FROM calls ORDER BY call_uuid'),
      [
        { call_uuid: 'a', status: 'initiated', event_count: 1, total_cost: null },
        { call_uuid: 'b', status: 'completed', event_count: 1, total_cost: null },
      ],
    );
    assert.deepEqual(rows('SELECT seq, stage FROM failures ORDER BY seq'), [
      { seq: 2, stage: 'calls' },
      { seq: 4, stage: 'contacts' },
      { seq: 5, stage: 'parse' },
    ]);
    assert.deepEqual(rows('SELECT message_id, keyword FROM sms_messages'), [
      { message_id: 'm', keyword: 'STOP' },
    ]);
  });
});

describe('what an appender keeps in memory', () => {
  const statuses = (rows: TestDatabase['rows']) => rows('SELECT call_uuid, status FROM calls');

  it('is dropped when another connection has written', () => {
    const { appender, path, rows } = given();
    appender.append([call('a')]);
    changeFile(path, "UPDATE calls SET status = 'completed', tenant_id = 't'");
    appender.append([call('a', 'call.answered')]);
    assert.deepEqual(rows('SELECT status, tenant_id, event_count FROM calls'), [
      { status: 'completed', tenant_id: 't', event_count: 2 },
    ]);
  });

  it('is dropped when a batch is rolled back', () => {
    const { appender, database, rows } = given();
    appender.append([call('a')]);
    database.exec("CREATE TRIGGER full BEFORE UPDATE ON projections BEGIN SELECT RAISE(ROLLBACK, 'no'); END");
    assert.throws(() => appender.append([call('a', 'call.completed'), call('b')]), /no/);
    database.exec('DROP TRIGGER full');
    assert.deepEqual(statuses(rows), [{ call_uuid: 'a', status: 'ringing' }]);
    assert.equal(appender.append([call('a', 'call.answered')]).outcomes[0]?.seq, 2);
    assert.deepEqual(statuses(rows), [{ call_uuid: 'a', status: 'answered' }]);
  });

  it('is bounded, and what was dropped is read again', () => {
    const { appender, rows } = given();
    const ids = Array.from({ length: ROWS_KEPT_BYTES_MAX / 512 }, (_, n) => `call-${n}`);
    appender.append(ids.map((id) => call(id)));
    appender.append(ids.map((id) => call(id, 'call.answered')));
    assert.deepEqual(rows('SELECT status, event_count, count(*) AS n FROM calls GROUP BY 1, 2'), [
      { status: 'answered', event_count: 2, n: ids.length },
    ]);
  });

  it('is bounded in bytes: only a few long rows are kept', () => {
    const text = 'x'.repeat(ROWS_KEPT_BYTES_MAX / 4);
    const kept: string[] = [];
    const { appender, database } = given(
      only({
        ...made('long', () => 1),
        columns: [
          { name: 'call_uuid', kind: 'TEXT', isNullable: false },
          { name: 'text', kind: 'TEXT', isNullable: true },
        ],
        generated: {},
        fold(row, _event, key) {
          if (row?.['text'] === text) kept.push(key);
          return { call_uuid: key, text };
        },
      }),
    );
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const id of ids) appender.append([call(id)]);
    // A kept row is not read from the table again, so it does not show what this connection changes there.
    database.exec("UPDATE long SET text = 'changed'");
    appender.append(ids.map((id) => call(id, 'call.answered')));
    assert.deepEqual(kept, ['d', 'e', 'f']);
  });
});

describe('a table of another version', () => {
  for (const version of [calls.version - 1, calls.version + 1]) {
    it(`(${version} instead of ${calls.version}) is left alone and reported, and the others are updated`, () => {
      const { appender, path, rows } = given();
      appender.append([call('a')]);
      changeFile(path, `UPDATE projections SET version = ${version} WHERE name = 'calls'`);
      const { outcomes, lagging, isBehind } = appender.append([
        call('b'),
        call('a', 'call.completed'),
        delivery({ event: 'sms.sent', data: { message_id: 'm' } }),
      ]);
      assert.deepEqual(errorsOf(outcomes), [null, null, null]);
      assert.deepEqual(lagging, ['calls']);
      assert.equal(isBehind, false);
      assert.deepEqual(rows('SELECT call_uuid, status FROM calls'), [{ call_uuid: 'a', status: 'ringing' }]);
      assert.equal(rows('SELECT count(*) AS n FROM sms_messages')[0]?.['n'], 1);
      assert.deepEqual(rows('SELECT name, applied_seq FROM projections ORDER BY name').slice(0, 4), [
        { name: 'calls', applied_seq: 1 },
        { name: 'contacts', applied_seq: 4 },
        { name: 'recordings', applied_seq: 4 },
        { name: 'sms_messages', applied_seq: 4 },
      ]);
    });
  }

  it('is reported if it is missing, which is not an error', () => {
    const { appender, database } = given();
    database.exec(
      "DROP VIEW report_opt_outs; DROP TABLE contacts; DELETE FROM projections WHERE name = 'contacts'",
    );
    const stop = delivery({ event: 'sms.received', data: { message_id: 'm', from: '+1', body: 'STOP' } });
    assert.deepEqual(appender.append([stop]).lagging, ['contacts']);
  });
});

describe('a table of the current version that lacks events', () => {
  /** `count` events that calls has not seen. */
  function lagging(count: number) {
    const it = given();
    const setVersion = (version: number) =>
      changeFile(it.path, `UPDATE projections SET version = ${version} WHERE name = 'calls'`);
    it.appender.append([call('shared')]);
    setVersion(99);
    it.appender.append(
      Array.from({ length: count }, (_, n) =>
        call('shared', 'call.answered', { from: `+${n}`, ...(n % 10 === 9 && { call_uuid: [] }) }),
      ),
    );
    setVersion(calls.version);
    return it;
  }
  const state = (rows: TestDatabase['rows']) =>
    rows("SELECT applied_seq FROM projections WHERE name = 'calls'")[0]?.['applied_seq'];

  it('catches up before the next batch, in order, with each event once', () => {
    const { appender, rows } = lagging(20);
    const { lagging: behind, isBehind, outcomes } = appender.append([call('shared', 'call.completed')]);
    assert.deepEqual([behind, isBehind, outcomes[0]?.error], [[], false, null]);
    assert.equal(state(rows), 22);
    const [row] = rows('SELECT * FROM calls');
    assert.equal(row?.['event_count'], 1 + 18 + 1);
    assert.equal(row?.['status'], 'completed');
    assert.deepEqual([row?.['first_seq'], row?.['last_seq']], [1, 22]);
    assert.deepEqual(rows('SELECT seq, stage FROM failures ORDER BY seq'), [
      { seq: 11, stage: 'calls' },
      { seq: 21, stage: 'calls' },
    ]);
  });

  for (const count of [LOG_READ_EVENTS_MAX - 1, LOG_READ_EVENTS_MAX]) {
    it(`by ${count} is complete after one batch`, () => {
      const { appender, rows } = lagging(count);
      assert.deepEqual(appender.append([]), { outcomes: [], lagging: [], isBehind: false });
      assert.equal(state(rows), 1 + count);
    });
  }

  it(`by ${LOG_READ_EVENTS_MAX + 1} needs two, and the batches in between leave their events to the next`, () => {
    const { appender, rows } = lagging(LOG_READ_EVENTS_MAX + 1);
    const { lagging: behind, isBehind } = appender.append([call('shared', 'call.completed')]);
    assert.deepEqual([behind, isBehind], [['calls'], true]);
    assert.equal(state(rows), 1 + LOG_READ_EVENTS_MAX);
    assert.equal(rows('SELECT status FROM calls')[0]?.['status'], 'answered');
    assert.deepEqual(appender.append([]), { outcomes: [], lagging: [], isBehind: false });
    assert.equal(state(rows), LOG_READ_EVENTS_MAX + 3);
    const failures = Number(rows('SELECT count(*) AS n FROM failures')[0]?.['n']);
    const [row] = rows('SELECT status, event_count FROM calls');
    assert.deepEqual(row, { status: 'completed', event_count: LOG_READ_EVENTS_MAX + 3 - failures });
  });

  it('ends up with the same rows as one that never lagged', () => {
    const { database, rows } = lagging(LOG_READ_EVENTS_MAX - 10);
    appenderOf(database, derivations).append([call('other')]);
    const live = rows('SELECT * FROM calls ORDER BY call_uuid');
    const failures = rows('SELECT * FROM failures ORDER BY seq');
    const bodies = storedEvents(database, 0, 1000).map(({ body }) => body);
    const straight = given();
    straight.appender.append(bodies.map((body) => delivery(bytesOf(body))));
    assert.deepEqual(straight.rows('SELECT * FROM calls ORDER BY call_uuid'), live);
    assert.deepEqual(straight.rows('SELECT * FROM failures ORDER BY seq'), failures);
  });
});

describe('a table ahead of its log', () => {
  it('is reported until it is rebuilt, even when the log has grown to the same length again', () => {
    const { appender, path, rows } = given();
    appender.append([call('a'), call('b'), call('c')]);
    changeFile(path, 'DROP TRIGGER events_no_delete');
    changeFile(path, 'DELETE FROM events WHERE seq = 3');
    const every = derivations.projections.map(({ name }) => name);
    for (const id of ['d', 'e', 'f']) assert.deepEqual(appender.append([call(id)]).lagging, every);
    assert.equal(appender.head().seq, 5);
    changeFile(path, 'UPDATE storage_probe SET tried_at = 0'); // by another connection: everything is checked again
    assert.deepEqual(reopened(path).append([]).lagging, every);
    assert.deepEqual(rows("SELECT call_uuid FROM calls WHERE call_uuid IN ('d', 'e', 'f')"), []);
  });
});

describe('a table that another program has changed', () => {
  it('costs only its own rows: the events are failures of that table, and the others are folded', () => {
    const { appender, path, rows } = given();
    appender.append([call('a')]);
    changeFile(path, 'DROP VIEW report_inbound_messages');
    changeFile(path, 'ALTER TABLE sms_messages RENAME COLUMN tenant_id TO tenant_x');
    const { outcomes } = appender.append([
      call('b'),
      delivery({ event: 'sms.received', data: { message_id: 'm', from: '+1', body: 'STOP' } }),
    ]);
    const [one, other] = errorsOf(outcomes);
    assert.equal(one, null);
    assert.match(other ?? '', /^the projection failed: .*no such column: .*tenant_id/);
    assert.deepEqual(rows('SELECT seq, stage FROM failures'), [{ seq: 3, stage: 'sms_messages' }]);
    assert.deepEqual(rows('SELECT phone_number FROM contacts'), [{ phone_number: '+1' }]);
  });
});

describe('a table that was dropped', () => {
  it('is reported as missing and costs no delivery', () => {
    const { appender, path, rows } = given();
    appender.append([call('a')]);
    changeFile(path, 'DROP TABLE calls');
    const { outcomes, lagging } = appender.append([
      call('b'),
      delivery({ event: 'sms.sent', data: { message_id: 'm' } }),
    ]);
    assert.deepEqual([errorsOf(outcomes), lagging], [[null, null], ['calls']]);
    assert.equal(rows('SELECT * FROM sms_messages').length, 1);
    assert.deepEqual(reopened(path).append([]).lagging, ['calls']);
  });
});

it('a trigger that rolls back the transaction leaves no failure of an event that is not in the log', () => {
  const { appender, database, rows } = given();
  database.exec(
    "CREATE TRIGGER evil BEFORE INSERT ON calls WHEN NEW.call_uuid = 'evil' BEGIN SELECT RAISE(ROLLBACK, 'all of it'); END",
  );
  assert.throws(() => appender.append([call('a'), call('evil'), call('b')]), /all of it/);
  assert.deepEqual(rows('SELECT seq FROM events UNION ALL SELECT seq FROM failures'), []);
});
