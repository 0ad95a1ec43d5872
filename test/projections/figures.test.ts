/** The figures of calls and messages. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SPELLINGS_WITH_TABLE } from '../../src/core/event/event-types.ts';
import { CALLS, SMS } from '../../src/projections/figures.ts';
import { derivations } from '../../src/projections/index.ts';
import { appenderOf, openTestDatabase } from '../support/database.ts';
import { delivery } from '../support/events.ts';

it('every status that a call or a message can have is known to the figures', (t) => {
  const opened = openTestDatabase();
  t.after(() => opened.close());
  appenderOf(opened.database, derivations).append(
    SPELLINGS_WITH_TABLE.map((event) =>
      delivery({ event, data: { call_uuid: event, message_id: event, recording_id: event } }),
    ),
  );
  for (const { table, statuses } of [CALLS, SMS]) {
    const found = opened.rows(`SELECT DISTINCT status FROM ${table} ORDER BY status`);
    assert.deepEqual(
      statuses.toSorted(),
      found.map(({ status }) => status),
      table,
    );
  }
});
