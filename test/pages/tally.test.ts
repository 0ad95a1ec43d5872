import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import Sqlite, { type Database } from 'better-sqlite3';
import { EventTimes } from '../../src/engines/sqlite/log/event-times.ts';
import { FAMILIES, familyIn, Tally } from '../../src/pages/tally.ts';
import { temporaryFolder, until } from '../support/receiver.ts';

const MINUTE_MS = 60_000;
const NOON_MS = Date.UTC(2026, 0, 5, 12);

let folder: { path: string; remove: () => void };
let database: Database;
let count = 0;

beforeEach(() => {
  folder = temporaryFolder();
  count = 0;
  database = new Sqlite(join(folder.path, 'log.db'));
  database.exec('CREATE TABLE events (seq INTEGER PRIMARY KEY, type TEXT, received_at_ms INTEGER)');
});
afterEach(() => {
  database.close();
  folder.remove();
});

function add(type: string | null, minutesAfterNoon: number): void {
  count += 1;
  database
    .prepare('INSERT INTO events (seq, type, received_at_ms) VALUES (?, ?, ?)')
    .run(count, type, NOON_MS + minutesAfterNoon * MINUTE_MS);
}

const counts = (tally: Tally, fromMinute: number, toMinute: number) =>
  tally
    .bars(NOON_MS + fromMinute * MINUTE_MS, NOON_MS + toMinute * MINUTE_MS, MINUTE_MS)
    .map((bar) => bar.counts.join(' '));

describe('a tally', () => {
  it('counts events by minute and family, including empty minutes', () => {
    add('call.ringing', 0);
    add('call.canceled', 0.5);
    add('mms.received', 2);
    add('call.recording.completed', 2);
    add(null, 2);
    assert.deepEqual(FAMILIES, ['call', 'sms', 'recording', 'other']);
    assert.deepEqual(counts(new Tally(new EventTimes(database)), 0, 2), ['2 0 0 0', '0 0 0 0', '0 1 1 1']);
  });

  it('reads new events, and goes back as far as requested', () => {
    for (const minute of [0, 1, 2, 3]) add('call.ringing', minute);
    const tally = new Tally(new EventTimes(database));
    assert.deepEqual(counts(tally, 2, 3), ['1 0 0 0', '1 0 0 0']);
    add('sms.sent', 3);
    assert.deepEqual(counts(tally, 2, 3), ['1 0 0 0', '1 1 0 0']);
    assert.deepEqual(counts(tally, 0, 3), ['1 0 0 0', '1 0 0 0', '1 0 0 0', '1 1 0 0']);
    assert.deepEqual(counts(tally, 3, 3), ['1 1 0 0']);
  });

  it('starts from scratch if the file was restored to an earlier state', () => {
    for (const minute of [0, 1, 1]) add('call.ringing', minute);
    const tally = new Tally(new EventTimes(database));
    assert.deepEqual(counts(tally, 0, 1), ['1 0 0 0', '2 0 0 0']);
    database.exec('DELETE FROM events WHERE seq > 1');
    assert.deepEqual(counts(tally, 0, 1), ['1 0 0 0', '0 0 0 0']);
  });

  it('of a long log has its totals at once, and splits them by family in the background', async () => {
    database.exec(`INSERT INTO events WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000)
      SELECT i, CASE i % 4 WHEN 0 THEN 'sms.sent' ELSE 'call.ringing' END, ${NOON_MS} + i / 4000 * ${MINUTE_MS} FROM n`);
    const times = new EventTimes(database);
    const pieces = mock.method(times, 'counts').mock;
    const tally = new Tally(times);
    const bars = () => tally.bars(NOON_MS, NOON_MS + 100 * MINUTE_MS, MINUTE_MS);
    const total = () =>
      bars().reduce(
        (sum, { counts, uncounted }) => counts.reduce((all, count) => all + count, sum + uncounted),
        0,
      );
    assert.equal(total(), 400_000);
    assert.ok(pieces.callCount() < 80);
    await until(() => pieces.callCount() === 80, 'all 80 pieces are counted'); // without another call
    assert.ok(bars().every(({ uncounted }) => uncounted === 0));
    assert.equal(total(), 400_000);
    assert.equal(pieces.callCount(), 80);
    assert.deepEqual(bars()[50]?.counts, [3000, 1000, 0, 0]);
  });

  it('finds the first event at or after a time by reading only a few', () => {
    for (let minute = 0; minute < 100; minute++) add('call.ringing', minute);
    const times = new EventTimes(database);
    assert.equal(times.firstFrom(NOON_MS - 1), 1);
    assert.equal(times.firstFrom(NOON_MS + 40 * MINUTE_MS), 41);
    assert.equal(times.firstFrom(NOON_MS + 40 * MINUTE_MS + 1), 42);
    assert.equal(times.firstFrom(NOON_MS + 1000 * MINUTE_MS), 101);
  });
});

it('a family is determined by the type’s canonical name', () => {
  assert.equal(familyIn('transcription.completed'), 'recording');
  assert.equal(familyIn('mms.sent'), 'sms');
  assert.equal(familyIn('account.suspended'), 'other');
});
