import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Engine } from '../../src/core/engine/engine.ts';
import type { ProcessState } from '../../src/core/metrics/process-state.ts';
import { createReader } from '../../src/engines/sqlite/reader.ts';
import { createPages } from '../../src/pages/index.ts';
import { derivations } from '../../src/projections/index.ts';
import { appenderOf, openInMemory } from '../support/database.ts';
import { call, T0_MS } from '../support/events.ts';

it('the overview waits for tables that older code made: they may lack columns', async (t) => {
  const database = openInMemory();
  t.after(() => database.close());
  appenderOf(database, derivations).append([call('a')]);
  const engine = { consumers: async () => [], sizes: async () => ({}) } as unknown as Engine;
  const reader = createReader(database, derivations.projections);
  const pages = createPages({ engine, reader, now: () => T0_MS + 1000 });
  const state = {
    startedAtMs: T0_MS,
    uptimeS: 1,
    counts: {},
    statuses: {},
    lagging: [],
    storage: 'ok',
    eventLoopDelay: { p50S: 0, p99S: 0, maxS: 0 },
  } as unknown as ProcessState;
  const overview = async () => (await pages('/', '', state)).body.toString();

  assert.match(await overview(), /<dt>answered<\/dt>/);
  database.exec(`DROP VIEW report_calls; DROP VIEW report_calls_by_day; ALTER TABLE calls DROP COLUMN answered;
    UPDATE projections SET version = 1 WHERE name = 'calls'`);
  const shown = await overview();
  assert.match(shown, /<p>Events: 1\. The other figures appear when the tables have been rebuilt\.<\/p>/);
  assert.match(shown, /<h2>Latest events/);
});
