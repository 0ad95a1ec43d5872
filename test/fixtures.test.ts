/** Deliveries recorded from the real sender, replayed byte for byte with the clock set to the time of recording. */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { FIXTURE_SECRET, fixtures, type RecordedDelivery } from './support/fixtures.ts';
import { seededRandom } from './support/random.ts';
import { type JsonAnswer, post, query, startReceiver, type TestReceiver } from './support/receiver.ts';

const CALL = '8c0f6a2e-55d4-4c0e-9a37-0a3c2b1d4e01';
const FAILED_CALL = '5f7b1f0a-0000-4000-8000-000000000002';

let clockMs = 0;
const env = { WEBHOOK_SECRET: FIXTURE_SECRET };

/** The headers of a recorded delivery, apart from those of its connection. */
function recordedHeaders(delivery: RecordedDelivery): Record<string, string> {
  const kept = Object.entries(delivery.headers).filter(([name]) =>
    /^(x-irisx-|content-type|user-agent)/i.test(name),
  );
  return Object.fromEntries(kept);
}

async function replay(receiver: { url: string }, deliveries = fixtures): Promise<JsonAnswer[]> {
  const answers: JsonAnswer[] = [];
  for (const delivery of deliveries) {
    clockMs = Date.parse(delivery.received_at);
    answers.push(await post(receiver, delivery.body, recordedHeaders(delivery), delivery.path));
  }
  return answers;
}

/** The rows of every table without the columns that depend on arrival. */
function tables(databasePath: string): Record<string, Record<string, unknown>[]> {
  const without = ({ first_seq, last_seq, ...row }: Record<string, unknown>) => row;
  const read = (table: string, key: string) =>
    query(databasePath, `SELECT * FROM ${table} ORDER BY ${key}`).map(without);
  return {
    calls: read('calls', 'call_uuid'),
    sms_messages: read('sms_messages', 'message_id'),
    recordings: read('recordings', 'recording_id'),
    contacts: read('contacts', 'phone_number'),
    failures: read('failures', 'seq'),
  };
}

describe('the recorded deliveries of the real sender', () => {
  let receiver: TestReceiver;
  let answers: JsonAnswer[];

  before(async () => {
    receiver = await startReceiver({ env, now: () => clockMs });
    answers = await replay(receiver);
  });
  after(() => receiver.close());

  const one = (sql: string, ...values: unknown[]) => receiver.rows(sql, ...values)[0];

  it('are 21, all accepted: 18 events and 3 duplicates', () => {
    assert.equal(answers.length, 21);
    assert.deepEqual(
      answers.filter(({ status, json }) => status !== 200 || json['success'] !== true),
      [],
    );
    assert.equal(answers.filter(({ json }) => json['duplicate'] === true).length, 3);
    assert.equal(one('SELECT count(*) AS n, max(seq) AS head FROM events')?.['n'], 18);
    assert.equal(one('SELECT max(seq) AS head FROM events')?.['head'], 18);
  });

  it('answer a retry with the seq of the first recording', () => {
    assert.equal(answers[18]?.json['seq'], answers[2]?.json['seq']);
    assert.equal(answers[18]?.json['duplicate'], true);
  });

  it('keep the bytes of every body', () => {
    const bodies = new Set(receiver.rows('SELECT body FROM events').map((row) => String(row['body'])));
    for (const { body } of fixtures) assert.ok(bodies.has(body));
  });

  it('give the answered call: completed, 120 s, with its milestones', () => {
    const row = one('SELECT * FROM calls WHERE call_uuid = ?', CALL);
    assert.equal(row?.['status'], 'completed');
    assert.equal(row?.['duration_seconds'], 120);
    assert.equal(row?.['hangup_cause'], 'NORMAL_CLEARING');
    assert.equal(row?.['direction'], 'outbound');
    assert.equal(row?.['from_number'], '+15551230001');
    assert.equal(row?.['answered_at_ms'], Date.parse('2026-11-23T17:08:17.522Z'));
    assert.equal(row?.['ended_at_ms'], Date.parse('2026-11-23T17:00:00.000Z'));
    assert.equal(row?.['event_count'], 3);
  });

  it('give the failed call with its reason', () => {
    const row = one('SELECT * FROM calls WHERE call_uuid = ?', FAILED_CALL);
    assert.equal(row?.['status'], 'failed');
    assert.equal(row?.['error_code'], 'CARRIER_REJECTED');
    assert.equal(row?.['error_message'], 'Carrier rejected the call');
    assert.equal(row?.['tenant_id'], '42');
  });

  it('give four messages: one delivered, one failed with its exact text, one keyword, and one inbound', () => {
    const byId = (id: string) => one('SELECT * FROM sms_messages WHERE message_id = ?', id);
    assert.equal(one('SELECT count(*) AS n FROM sms_messages')?.['n'], 4);
    assert.equal(byId('SMf00dfeed0001')?.['status'], 'delivered');
    assert.equal(byId('SMf00dfeed0001')?.['error_code'], null);
    assert.equal(byId('SMf00dfeed0002')?.['status'], 'failed');
    assert.equal(byId('SMf00dfeed0002')?.['error_code'], '30003');
    assert.equal(byId('SMf00dfeed0002')?.['message'], 'Café ☕ à 10 h 30 — répondez STOP pour arrêter');
    assert.equal(byId('SMf00dfeed0002')?.['media_urls'], '["https://media.example/a.png"]');
    assert.equal(byId('SMf00dfeed0003')?.['keyword'], 'STOP');
    assert.equal(byId('SMf00dfeed0003')?.['message'], ' Stop ');
    assert.equal(byId('SMf00dfeed0004')?.['keyword'], null);
  });

  it('opt out only the sender of STOP', () => {
    assert.deepEqual(receiver.rows('SELECT phone_number, opted_out, last_keyword FROM contacts'), [
      { phone_number: '+15559870002', opted_out: 1, last_keyword: 'STOP' },
    ]);
  });

  it('give two recordings: one with its transcript, one known by its URL', () => {
    const rows = receiver.rows('SELECT * FROM recordings ORDER BY recording_id');
    assert.deepEqual(
      rows.map((row) => [
        row['recording_id'],
        row['call_uuid'],
        row['status'],
        row['size_bytes'],
        row['transcription'],
      ]),
      [
        [`${CALL}#202ff607b2e830d6`, CALL, 'complete', 1887436, null],
        ['rec-0001', CALL, 'transcribed', null, 'Hello, this is a test recording.'],
      ],
    );
  });

  it('record the dashboard’s test delivery, call.dtmf and tenant.limit.warning with no row and no failure', () => {
    assert.deepEqual(receiver.rows('SELECT * FROM failures'), []);
    assert.equal(one('SELECT count(*) AS n FROM calls')?.['n'], 2);
    assert.equal(
      one("SELECT count(*) AS n FROM events WHERE type IN ('call.dtmf', 'tenant.limit.warning')")?.['n'],
      2,
    );
  });

  it('give the same rows in any order and with any repetitions', async () => {
    const expected = tables(receiver.databasePath);
    const random = seededRandom(20261123);
    for (let round = 0; round < 10; round++) {
      const shuffled = random.shuffle([...fixtures, ...fixtures.filter(() => random.chance(0.5))]);
      const other = await startReceiver({ env, now: () => clockMs });
      await replay(other, shuffled);
      assert.equal(other.rows('SELECT count(*) AS n FROM events')[0]?.['n'], 18);
      assert.deepEqual(tables(other.databasePath), expected);
      await other.close();
    }
  });

  it('give the same rows through two servers on one file', async () => {
    const first = await startReceiver({ env, now: () => clockMs });
    const second = await startReceiver({ env, now: () => clockMs, databasePath: first.databasePath });
    clockMs = Date.parse(fixtures.at(-1)?.received_at ?? '');
    await Promise.all(
      [...fixtures, ...fixtures].map((delivery, index) =>
        post(index % 2 === 0 ? first : second, delivery.body, recordedHeaders(delivery), delivery.path),
      ),
    );
    assert.equal(first.rows('SELECT count(*) AS n FROM events')[0]?.['n'], 18);
    assert.deepEqual(tables(first.databasePath), tables(receiver.databasePath));
    await second.close();
    await first.close();
  });
});
