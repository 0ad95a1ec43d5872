import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import type { Database } from 'better-sqlite3';
import type { Reader } from '../../src/core/engine/reader.ts';
import { firstFrom } from '../../src/core/inspect/find-events.ts';
import { createReader } from '../../src/engines/sqlite/reader.ts';
import { type Bar, EventCounts, FAMILIES, familyIn } from '../../src/pages/event-counts.ts';
import { openInMemory } from '../support/database.ts';
import { until } from '../support/receiver.ts';

const MINUTE_MS = 60_000;
const NOON_MS = Date.UTC(2026, 0, 5, 12);

let database: Database;
let reader: Reader;
let count = 0;

beforeEach(() => {
  count = 0;
  database = openInMemory();
  database.exec('DROP TRIGGER events_no_delete');
  reader = createReader(database, []);
});
afterEach(() => database.close());

/** What counting does not read is left empty. `seq` is the digest, which must be unique. */
const INSERT = `INSERT INTO events (seq, type, received_at_ms, body_time_ms, body_sha256, body, path, signed_at, chain)
  SELECT seq, type, received_at_ms, 0, CAST(seq AS BLOB), x'', '', 0, x''`;

function add(type: string | null, minutesAfterNoon: number): void {
  count += 1;
  database
    .prepare(
      `${INSERT} FROM (SELECT CAST(? AS INTEGER) AS seq, ? AS type, CAST(? AS INTEGER) AS received_at_ms)`,
    )
    .run(count, type, NOON_MS + minutesAfterNoon * MINUTE_MS);
}

const byFamily = (bar: Bar | undefined) => FAMILIES.map((family) => bar?.counts[family]);

const counts = async (eventCounts: EventCounts, fromMinute: number, toMinute: number) =>
  (await eventCounts.bars(NOON_MS + fromMinute * MINUTE_MS, NOON_MS + toMinute * MINUTE_MS, MINUTE_MS)).map(
    (bar) => byFamily(bar).join(' '),
  );

describe('counting events', () => {
  it('counts events by minute and family, including empty minutes', async () => {
    add('call.ringing', 0);
    add('call.canceled', 0.5);
    add('mms.received', 2);
    add('call.recording.completed', 2);
    add(null, 2);
    assert.deepEqual(FAMILIES, ['call', 'sms', 'recording', 'other']);
    assert.deepEqual(await counts(new EventCounts(reader), 0, 2), ['2 0 0 0', '0 0 0 0', '0 1 1 1']);
  });

  it('reads new events, and goes back as far as requested', async () => {
    for (const minute of [0, 1, 2, 3]) add('call.ringing', minute);
    const eventCounts = new EventCounts(reader);
    assert.deepEqual(await counts(eventCounts, 2, 3), ['1 0 0 0', '1 0 0 0']);
    add('sms.sent', 3);
    assert.deepEqual(await counts(eventCounts, 2, 3), ['1 0 0 0', '1 1 0 0']);
    assert.deepEqual(await counts(eventCounts, 0, 3), ['1 0 0 0', '1 0 0 0', '1 0 0 0', '1 1 0 0']);
    assert.deepEqual(await counts(eventCounts, 3, 3), ['1 1 0 0']);
  });

  it('starts from scratch if the file was restored to an earlier state', async () => {
    for (const minute of [0, 1, 1]) add('call.ringing', minute);
    const eventCounts = new EventCounts(reader);
    assert.deepEqual(await counts(eventCounts, 0, 1), ['1 0 0 0', '2 0 0 0']);
    database.exec('DELETE FROM events WHERE seq > 1');
    assert.deepEqual(await counts(eventCounts, 0, 1), ['1 0 0 0', '0 0 0 0']);
  });

  describe('of a long log', () => {
    const EVENTS = 400_000;
    beforeEach(() => {
      database.exec(`${INSERT} FROM (
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${EVENTS})
        SELECT i AS seq, CASE i % 4 WHEN 0 THEN 'sms.sent' ELSE 'call.ringing' END AS type,
          ${NOON_MS} + i / 4000 * ${MINUTE_MS} AS received_at_ms FROM n)`);
    });
    const barsOf = (eventCounts: EventCounts) =>
      eventCounts.bars(NOON_MS, NOON_MS + 100 * MINUTE_MS, MINUTE_MS);
    const totalOf = async (eventCounts: EventCounts) =>
      (await barsOf(eventCounts)).reduce(
        (sum, { counts }) => Object.values(counts).reduce((all, count) => all + count, sum),
        0,
      );

    it('has its totals at once, and splits them by family in the background', async () => {
      const pieces = mock.method(reader, 'countsByTime').mock;
      const eventCounts = new EventCounts(reader);
      assert.equal(await totalOf(eventCounts), EVENTS);
      assert.ok(pieces.callCount() < 80);
      await until(() => pieces.callCount() === 80, 'all 80 pieces are counted'); // without another call
      const bars = await barsOf(eventCounts);
      assert.ok(bars.every(({ counts }) => counts.uncounted === 0));
      assert.equal(await totalOf(eventCounts), EVENTS);
      assert.equal(pieces.callCount(), 80);
      assert.deepEqual(byFamily(bars[50]), [3000, 1000, 0, 0]);
    });

    it('counts each piece once, whenever pages are made, with a reader that takes its time', async () => {
      let underWay = 0;
      const pieces = mock.fn(async (...range: Parameters<Reader['countsByTime']>) => {
        underWay += 1;
        assert.equal(underWay, 1);
        await new Promise((resolve) => setImmediate(resolve));
        underWay -= 1;
        return reader.countsByTime(...range);
      });
      const eventCounts = new EventCounts({ ...reader, countsByTime: pieces });
      while (pieces.mock.callCount() < 80) {
        assert.equal(await totalOf(eventCounts), EVENTS);
        await new Promise((resolve) => setImmediate(resolve)); // a piece in the background begins
      }
      assert.deepEqual(byFamily((await barsOf(eventCounts))[50]), [3000, 1000, 0, 0]);
      assert.equal(pieces.mock.callCount(), 80);
    });

    it('fails the next page if counting in the background fails, and then goes on', async () => {
      const pieces = mock.method(reader, 'countsByTime');
      const eventCounts = new EventCounts(reader);
      await barsOf(eventCounts);
      const failed = new Error('a damaged page');
      const before = pieces.mock.callCount();
      pieces.mock.mockImplementationOnce(async () => Promise.reject(failed));
      await until(() => pieces.mock.callCount() > before, 'the piece that fails');
      await assert.rejects(barsOf(eventCounts), failed);
      assert.equal(await totalOf(eventCounts), EVENTS);
      await until(() => pieces.mock.callCount() === 81, 'all 80 pieces are counted');
      assert.deepEqual(byFamily((await barsOf(eventCounts))[50]), [3000, 1000, 0, 0]);
    });
  });

  it('finds the first event at or after a time by reading only a few', async () => {
    for (let minute = 0; minute < 100; minute++) add('call.ringing', minute);
    assert.equal(await firstFrom(reader, NOON_MS - 1), 1);
    assert.equal(await firstFrom(reader, NOON_MS + 40 * MINUTE_MS), 41);
    assert.equal(await firstFrom(reader, NOON_MS + 40 * MINUTE_MS + 1), 42);
    assert.equal(await firstFrom(reader, NOON_MS + 1000 * MINUTE_MS), 101);
  });
});

it('a family is determined by the type’s canonical name', () => {
  assert.equal(familyIn('transcription.completed'), 'recording');
  assert.equal(familyIn('mms.sent'), 'sms');
  assert.equal(familyIn('account.suspended'), 'other');
});
