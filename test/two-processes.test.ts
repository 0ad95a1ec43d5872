/** Several servers can safely share one file, with one log and one set of tables. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { compareTables } from './support/database.ts';
import { programFolder } from './support/program.ts';
import { deliver, query } from './support/receiver.ts';

const DELIVERIES = 600;

it('two processes that start on one new file and share the deliveries record each body once', async () => {
  const folder = programFolder();
  const { databasePath } = folder;
  const programs = [folder.start(), folder.start()];
  const servers = await Promise.all(programs.map((program) => program.listening()));

  const body = (n: number) => ({
    event: n % 2 === 0 ? 'call.initiated' : 'call.completed',
    data: { call_uuid: `c-${n >> 1}` },
  });
  let duplicates = 0;
  const seqs = new Map<number, number>();
  const send = async (n: number, server: { url: string }) => {
    const { status, json } = await deliver(server, body(n));
    assert.equal(status, 200);
    if (json['duplicate'] === true) duplicates += 1;
    const seq = json['seq'] as number;
    assert.equal(seqs.get(n) ?? seq, seq, `delivery ${n} has two seqs in the log`);
    seqs.set(n, seq);
  };
  for (let n = 0; n < DELIVERIES; n += 20) {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => index + n).flatMap((each) =>
        servers.map((server) => send(each, server)),
      ),
    );
  }

  assert.equal(duplicates, DELIVERIES);
  const rows = query(
    databasePath,
    'SELECT count(*) AS n, max(seq) AS head, count(DISTINCT body) AS bodies FROM events',
  );
  assert.deepEqual(rows, [{ n: DELIVERIES, head: DELIVERIES, bodies: DELIVERIES }]);
  assert.deepEqual(compareTables(databasePath).differences, []);
  for (const program of programs) await program.stop();
  await folder.remove();
});
