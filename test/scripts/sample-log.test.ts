/** Sample data: reproducible, varied, and always usable. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom, shuffled } from '../../scripts/cli/random.ts';
import { sampleLog } from '../../scripts/cli/sample-log.ts';
import { scenario } from '../../scripts/cli/scenarios.ts';
import { DOCUMENTED_TYPES } from '../../src/core/event/event-types.ts';
import { query } from '../support/receiver.ts';
import { sampleDatabase } from './sample-database.ts';

const COUNT = 5000;
const STARTED_AT_MS = Date.UTC(2026, 0, 5, 9);

describe('sampleLog', () => {
  it('gives the same deliveries for the same seed, and no two alike', () => {
    const once = [...sampleLog(seededRandom(3), COUNT, STARTED_AT_MS)];
    assert.equal(once.length, COUNT);
    assert.deepEqual([...sampleLog(seededRandom(3), COUNT, STARTED_AT_MS)], once);
    assert.equal(new Set(once.map(({ body }) => body)).size, COUNT);
    assert.notDeepEqual([...sampleLog(seededRandom(4), 1, STARTED_AT_MS)], once.slice(0, 1));
  });

  it('has every documented type and shape, and every delivery can be used', () => {
    const database = sampleDatabase();
    const outcomes = database.append(COUNT);
    assert.deepEqual(
      outcomes.filter(({ error, duplicate }) => error !== null || duplicate),
      [],
    );
    assert.deepEqual(new Set(outcomes.map(({ type }) => type)), new Set(DOCUMENTED_TYPES));
    const count = (condition: string) =>
      Number(query(database.path, `SELECT count(*) AS n FROM events_json WHERE ${condition}`)[0]?.['n']);
    const envelopes = count("body ->> 'data' IS NOT NULL");
    const bare = count("body ->> 'event' IS NULL");
    for (const share of [envelopes, bare, COUNT - envelopes - bare]) assert.ok(share > COUNT / 4);
    assert.ok(Number(query(database.path, 'SELECT count(*) AS n FROM contacts')[0]?.['n']) > 3);
    database.remove();
  });
});

describe('a scenario', () => {
  it('ends at the given moment', () => {
    const [last] = scenario('call', seededRandom(1), STARTED_AT_MS).slice(-1);
    assert.equal(last?.type, 'recording.transcribed');
    assert.ok((last?.subject.startedAtMs ?? 0) < STARTED_AT_MS);
  });
});

describe('shuffled', () => {
  it('keeps every item', () => {
    const items = Array.from({ length: 100 }, (_, index) => index);
    const order = shuffled(items, seededRandom(1));
    assert.notDeepEqual(order, items);
    assert.deepEqual(
      order.toSorted((a, b) => a - b),
      items,
    );
  });
});
