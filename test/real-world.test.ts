/**
 * What senders send in practice, end to end: signed deliveries to a server, its answers, and what is in the file then.
 * Each case arrives twice: in order, and in reverse order at another server.
 */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { LOST_EVENTS, RECORDINGS } from './real-world/calls.ts';
import { type Case, NO_TIME } from './real-world/case.ts';
import { OPTING_OUT } from './real-world/opt-outs.ts';
import { STATUSES } from './real-world/statuses.ts';
import { READ_TIMES } from './real-world/times.ts';
import { BAD_VALUES } from './real-world/values.ts';
import { runScript } from './scripts/run-script.ts';
import { T0_MS, T0_S } from './support/events.ts';
import { programFolder } from './support/program.ts';
import { deliver, SECRET, startReceiver, type TestReceiver } from './support/receiver.ts';

const SUBJECTS: Readonly<Record<string, readonly Case[]>> = {
  'events of a call that were lost': LOST_EVENTS,
  'recordings without an id': RECORDINGS,
  'values that cannot be used': BAD_VALUES,
  'spellings of times': READ_TIMES,
  'statuses and errors of messages': STATUSES,
  'opt-outs': OPTING_OUT,
};

for (const order of ['in order', 'in reverse order']) {
  describe(`deliveries that arrive ${order}`, () => {
    let receiver: TestReceiver;
    before(async () => {
      receiver = await startReceiver({ now: () => T0_MS });
    });
    after(() => receiver.close());

    for (const [subject, cases] of Object.entries(SUBJECTS)) {
      describe(subject, () => {
        for (const { name, sent, sql, rows } of cases) {
          it(name, async () => {
            for (const { body, warnings = [] } of order === 'in order' ? sent : sent.toReversed()) {
              const { status, json } = await deliver(receiver, body, { timestamp: T0_S });
              const { success, error, duplicate, seq } = json;
              assert.deepEqual(
                { status, success, error, duplicate, warnings: json['warnings'] ?? [] },
                { status: 200, success: true, error: undefined, duplicate: false, warnings },
              );
              const failures = receiver.rows('SELECT field, error FROM failures WHERE seq = ?', seq);
              assert.deepEqual([...new Set(failures.map((each) => each['error']))].toSorted(), warnings);
              assert.ok(failures.every(({ field }) => field !== ''));
            }
            assert.deepEqual(receiver.rows(sql), rows);
          });
        }
      });
    }

    it('leave a log that verifies, and tables that equal rebuilt ones', async () => {
      const env = { DATABASE_URL: `file:${receiver.databasePath}`, WEBHOOK_SECRET: SECRET };
      for (const [command, ...args] of [['verify'], ['rebuild', '--check']] as const) {
        const { code, stdout, stderr } = await runScript(command, args, { env });
        assert.equal(code, 0, stdout + stderr);
      }
    });
  });
}

it('a repetition gets the warnings of the first delivery, also after a rebuild and a restart', async () => {
  const warnings = [
    'error_code must be text or a whole number from 0 to 2^53 - 1, got a fraction',
    'from_number must be text or a whole number from 0 to 2^53 - 1, got an object',
    'message_id must be text or a whole number from 0 to 2^53 - 1, got a list',
    `timestamp ${NO_TIME} text`,
  ];
  const data = { message_id: ['m1'], id: 'm1', from_number: {}, from: '+15551230001', error_code: 1.5 };
  const body = { event: 'sms.failed', timestamp: 'yesterday', data };
  const answer = { success: true, message: 'Webhook processed', event: 'sms.failed', seq: 1, warnings };
  const folder = programFolder();
  try {
    let server = folder.start();
    const post = async () => {
      const { json } = await deliver(await server.listening(), body);
      delete json['request_id'];
      return json;
    };
    assert.deepEqual(await post(), { ...answer, duplicate: false });
    assert.deepEqual(await post(), { ...answer, duplicate: true });
    const env = { DATABASE_URL: `file:${folder.databasePath}` };
    const { code, stdout, stderr } = await runScript('rebuild', [], { env });
    assert.equal(code, 0, stdout + stderr);
    assert.deepEqual(await post(), { ...answer, duplicate: true });
    await server.stop();
    server = folder.start();
    assert.deepEqual(await post(), { ...answer, duplicate: true });
    assert.deepEqual(server.rows('SELECT stage, field FROM failures ORDER BY stage, field'), [
      { stage: 'parse', field: 'timestamp' },
      { stage: 'sms_messages', field: 'error_code' },
      { stage: 'sms_messages', field: 'from_number' },
      { stage: 'sms_messages', field: 'message_id' },
    ]);
    assert.deepEqual(server.rows('SELECT from_number, status FROM sms_messages WHERE message_id = ?', 'm1'), [
      { from_number: '+15551230001', status: 'failed' },
    ]);
    await server.stop();
  } finally {
    await folder.remove();
  }
});
