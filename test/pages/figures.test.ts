import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createReader } from '../../src/engines/sqlite/reader.ts';
import { optOutCounts } from '../../src/pages/figures.ts';
import { derivations } from '../../src/projections/index.ts';
import { appenderOf, openInMemory } from '../support/database.ts';
import { delivery, T0_MS, T0_S } from '../support/events.ts';

it('a number that is opted out for several tenants counts once', async (t) => {
  const database = openInMemory();
  t.after(() => database.close());
  const stop = (tenant_id: string, from: string, at: number) =>
    delivery({
      event: 'sms.received',
      timestamp: at,
      data: { message_id: at, tenant_id, from, body: 'STOP' },
    });
  appenderOf(database, derivations).append([
    stop('A', '+15551230001', T0_S - 3),
    stop('B', '15551230001', T0_S - 1),
    stop('A', '+15551230002', T0_S - 2),
  ]);
  const counts = await optOutCounts(createReader(database, derivations.projections), T0_MS - 1500);
  assert.deepEqual(counts, { all: 2, recent: 1 });
});
