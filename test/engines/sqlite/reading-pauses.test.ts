import assert from 'node:assert/strict';
import { afterEach, describe, it, mock } from 'node:test';
import Sqlite from 'better-sqlite3';
import { READ_PAUSE_MS, READ_STINT_MS } from '../../../src/core/limits.ts';
import { openReadOnly } from '../../../src/engines/sqlite/file/database.ts';
import { readingPauses } from '../../../src/engines/sqlite/log/reading-pauses.ts';
import { openTestDatabase } from '../../support/database.ts';

afterEach(() => mock.restoreAll());

describe('a long reading', () => {
  /** The pauses that it makes, in milliseconds, if it calls between reads at these times. */
  function pausesAt(timesMs: readonly number[], isWriting: boolean, isInTransaction = false): number[] {
    const test = openTestDatabase();
    const reader = openReadOnly(test.path);
    const writer = new Sqlite(test.path);
    let nowMs = 0;
    mock.method(performance, 'now', () => nowMs);
    const pauses: number[] = [];
    mock.method(Atomics, 'wait', (_array: unknown, _index: number, _value: number, ms: number) => {
      pauses.push(ms);
      return 'timed-out';
    });
    const pause = readingPauses(reader);
    if (isInTransaction) reader.exec('BEGIN');
    for (const timeMs of timesMs) {
      nowMs = timeMs;
      if (isWriting) writer.exec('UPDATE projections SET applied_seq = applied_seq + 1');
      pause();
    }
    for (const each of [reader, writer, test]) each.close();
    return pauses;
  }

  it('pauses after each stint while another process writes', () => {
    const times = [
      1,
      READ_STINT_MS - 1,
      READ_STINT_MS,
      READ_STINT_MS + 1,
      2 * READ_STINT_MS,
      2 * READ_STINT_MS + 1,
    ];
    assert.deepEqual(pausesAt(times, true), [READ_PAUSE_MS, READ_PAUSE_MS]);
  });

  it('does not pause again if nobody has written since', () => {
    const times = [READ_STINT_MS, 2 * READ_STINT_MS, 3 * READ_STINT_MS];
    assert.deepEqual(pausesAt(times, false), [READ_PAUSE_MS], 'it cannot know before the first time');
  });

  it('does not pause inside a transaction, in which a pause would help nobody', () => {
    assert.deepEqual(pausesAt([READ_STINT_MS, 2 * READ_STINT_MS], true, true), []);
  });
});
