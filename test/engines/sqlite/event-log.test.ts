import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Database } from 'better-sqlite3';
import { LOG_READ_BYTES_MAX, LOG_READ_EVENTS_MAX } from '../../../src/core/limits.ts';
import { handlerEvents, recordedEvents, storedEvents } from '../../../src/engines/sqlite/log/event-log.ts';
import { openTestDatabase } from '../../support/database.ts';
import { delivery, T0_S } from '../../support/events.ts';
import { undoneAfterEach } from '../../support/undo.ts';

const atEnd = undoneAfterEach();

/** A log with bodies of about these sizes, in bytes. */
function logOf(sizes: readonly number[]): Database {
  const { database, appender, close } = openTestDatabase();
  atEnd(close);
  for (const [index, size] of sizes.entries())
    appender.append([
      delivery({
        event: 'recording.transcribed',
        timestamp: T0_S,
        data: { recording_id: `r${index}`, text: 'x'.repeat(size) },
      }),
    ]);
  return database;
}

describe('a read of the log', () => {
  const QUARTER = LOG_READ_BYTES_MAX / 4;
  const reads = {
    range: (log: Database, after: number) => recordedEvents(log, after, 1000),
    stored: (log: Database, after: number) => storedEvents(log, after),
    forHandlers: (log: Database, after: number) => handlerEvents(log, after, 1000),
  };

  for (const [name, read] of Object.entries(reads)) {
    it(`ends with the event that reaches the limit of bytes (${name})`, () => {
      const log = logOf(Array(6).fill(QUARTER));
      const seqs = (after: number) => read(log, after).map(({ seq }) => seq);
      assert.deepEqual([seqs(0), seqs(4), seqs(6)], [[1, 2, 3, 4], [5, 6], []]);
    });

    it(`returns an event that alone exceeds the limit (${name})`, () => {
      const log = logOf([10, 5 * QUARTER, 10]);
      const seqs = (after: number) => read(log, after).map(({ seq }) => seq);
      assert.deepEqual([seqs(0), seqs(1), seqs(2)], [[1, 2], [2], [3]]);
    });
  }

  it('returns at most a number of events, however short they are', () => {
    const log = logOf(Array(LOG_READ_EVENTS_MAX + 5).fill(1));
    assert.equal(recordedEvents(log, 0, 1000).length, LOG_READ_EVENTS_MAX);
    assert.equal(storedEvents(log, 0).length, LOG_READ_EVENTS_MAX);
    assert.equal(storedEvents(log, 0, 7).length, 7);
  });
});
