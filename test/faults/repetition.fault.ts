/** D23: one delivery, again and again, over many connections and across a crash. */

import assert from 'node:assert/strict';
import { fault } from './support/fault.ts';
import { checkInvariants } from './support/invariants.ts';

const REPETITIONS = 10_000;
const BODY = JSON.stringify({ event: 'call.completed', data: { call_uuid: 'c-1', duration_seconds: 5 } });

/**
 * Seen to fail with the unique key of `events` on `seq` alone and the insert without its ON CONFLICT: 10,000 rows.
 */
fault('D23', 'one delivery sent 10,000 times, and across a kill -9, is one event', [], async (given) => {
  const { folder, ledger } = given;
  let left = REPETITIONS;
  const next = () => (left-- > 0 ? { body: BODY } : undefined);
  let program = folder.start();
  const load = given.startLoad({ connections: 64, next });
  await load.acknowledged(REPETITIONS / 2);
  await program.end('SIGKILL');
  program = folder.start();
  await load.done;
  assert.equal(ledger.size, REPETITIONS);
  assert.deepEqual([...new Set(ledger.entries().map(({ seq }) => seq))], [1]);
  assert.deepEqual(program.rows('SELECT event_count, duration_seconds FROM calls'), [
    { event_count: 1, duration_seconds: 5 },
  ]);
  const { events } = await checkInvariants(program, given);
  assert.equal(events, 2, 'the repeated one, and the one that checked the server');
  given.report(REPETITIONS, '1 row, seq 1 in every answer');
});
