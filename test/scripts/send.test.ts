/** `./irisx send` against a real server. */

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { DOCUMENTED_TYPES } from '../../src/core/event/event-types.ts';
import { freePort } from '../support/free-port.ts';
import { SECRET, startReceiver, type TestReceiver, temporaryFolder } from '../support/receiver.ts';
import { runScript } from './run-script.ts';

const RECORDED_FILE = join(import.meta.dirname, '../fixtures/deliveries.jsonl');

const SCENARIO_CALL = [
  'call.initiated',
  'call.ringing',
  'call.answered',
  'call.completed',
  'recording.complete',
  'recording.transcribed',
];

let receiver: TestReceiver;
/** Events up to here belong to earlier tests. */
let seqBefore = 0;

function send(...args: string[]) {
  const env = { PORT: String(receiver.port), HOST: '127.0.0.1', WEBHOOK_SECRET: SECRET };
  return runScript('send', args, { env });
}

function sent(): Record<string, unknown>[] {
  return receiver.rows(
    'SELECT type, path, event_header, event_id_header, body FROM events WHERE seq > ? ORDER BY seq',
    seqBefore,
  );
}

function sentTypes(): unknown[] {
  return sent().map((row) => row['type']);
}

function bodies(): Record<string, unknown>[] {
  return sent().map((row) => JSON.parse(String(row['body'])) as Record<string, unknown>);
}

function one(sql: string, ...values: unknown[]): Record<string, unknown> {
  return receiver.rows(sql, ...values)[0] ?? {};
}

before(async () => {
  receiver = await startReceiver();
});
after(() => receiver.close());
beforeEach(() => {
  seqBefore = one('SELECT coalesce(max(seq), 0) AS seq FROM events')['seq'] as number;
});

describe('./irisx send', () => {
  it('sends one event and shows one line for it and one for the answer', async () => {
    const { code, stdout, stderr } = await send('call.completed');
    assert.equal(stderr, '');
    assert.match(stdout, /^--> call\.completed\n<-- 200 [\d.]+ m?s seq 1\n$/);
    assert.equal(code, 0);
    assert.deepEqual(sentTypes(), ['call.completed']);
  });

  it('scenario call sends one call with its recording and transcript', async () => {
    const { code, stdout } = await send('--scenario', 'call');
    assert.equal(code, 0, stdout);
    assert.match(stdout, /\n6 sent in .*200 × 6; 0 duplicates; p50 .*, p99 .*, max .*\n$/);
    assert.deepEqual(sentTypes(), SCENARIO_CALL);
    const call = one('SELECT * FROM calls WHERE first_seq > ?', seqBefore);
    assert.equal(call['status'], 'completed');
    assert.equal(call['event_count'], 4);
    assert.match(String(call['from_number']), /^\+1\d{3}555\d{4}$/);
    const milestones = [
      call['initiated_at_ms'],
      call['ringing_at_ms'],
      call['answered_at_ms'],
      call['ended_at_ms'],
    ];
    assert.deepEqual(milestones, [...milestones].sort());
    assert.equal(
      Number(call['ended_at_ms']) - Number(call['answered_at_ms']),
      Number(call['duration_seconds']) * 1000,
    );
    const recording = one('SELECT * FROM recordings WHERE first_seq > ?', seqBefore);
    assert.equal(recording['status'], 'transcribed');
    assert.equal(recording['call_uuid'], call['call_uuid']);
  });

  it('scenario failed-call ends with a reason', async () => {
    await send('--scenario', 'failed-call');
    assert.deepEqual(sentTypes(), ['call.initiated', 'call.ringing', 'call.failed']);
    const call = one('SELECT * FROM calls WHERE first_seq > ?', seqBefore);
    assert.deepEqual([call['status'], call['error_code']], ['failed', 'CARRIER_REJECTED']);
  });

  it('scenario sms sends a delivered message and an ordinary reply', async () => {
    await send('--scenario', 'sms');
    assert.deepEqual(sentTypes(), ['sms.sent', 'sms.delivered', 'sms.received']);
    const messages = receiver.rows(
      'SELECT * FROM sms_messages WHERE first_seq > ? ORDER BY first_seq',
      seqBefore,
    );
    assert.deepEqual(
      messages.map(({ status, direction, keyword }) => [status, direction, keyword]),
      [
        ['delivered', 'outbound', null],
        ['received', 'inbound', null],
      ],
    );
    assert.equal(messages[0]?.['to_number'], messages[1]?.['from_number']);
  });

  it('scenario sms-stop opts the contact out', async () => {
    await send('--scenario', 'sms-stop', '--shape', 'bare');
    assert.deepEqual(sentTypes(), ['sms.sent', 'sms.delivered', 'sms.received', 'sms.received']);
    const { to_number } = one(
      "SELECT to_number FROM sms_messages WHERE first_seq > ? AND status = 'delivered'",
      seqBefore,
    );
    assert.equal(one('SELECT opted_out FROM contacts WHERE phone_number = ?', to_number)['opted_out'], 1);
  });

  for (const shape of ['envelope', 'bare', 'flat']) {
    it(`scenario all in shape ${shape} sends each documented type once, all usable`, async () => {
      const { code, stdout } = await send('--scenario', 'all', '--shape', shape);
      assert.equal(code, 0, stdout);
      assert.deepEqual(sentTypes(), DOCUMENTED_TYPES);
      assert.deepEqual(receiver.rows('SELECT * FROM failures'), []);
      for (const body of bodies()) {
        assert.equal('data' in body, shape === 'envelope');
        assert.equal('event' in body, shape !== 'bare');
      }
    });
  }

  it('sends any other type, with a note that it is unknown and which known types are nearest', async () => {
    for (const [type, near] of [
      ['call.complete', 'call.completed'],
      ['sms.recieved', 'sms.received'],
      ['Call.Busy', 'call.busy'],
      ['fax.sent', 'sms.sent'],
    ] as const) {
      const { code, stderr } = await send(type);
      const [, noted] =
        /^note: unknown event type "(.+)": .*; the nearest types: \S+, \S+, \S+\n$/.exec(stderr) ?? [];
      assert.equal(noted, type, stderr);
      assert.ok(stderr.includes(` ${near}`), stderr);
      assert.equal(code, 0);
    }
    assert.deepEqual(sentTypes(), ['call.complete', 'sms.recieved', 'Call.Busy', 'fax.sent']);
    for (const type of ['call.busy', 'call.canceled']) assert.equal((await send(type)).stderr, '');
  });

  it('sets fields with --data, as JSON if it is valid JSON, else as text', async () => {
    const set = [
      'a=1.5',
      'b=true',
      'c=null',
      'd=[1,"x"]',
      'e=+12025550123',
      'f:=42',
      'g=',
      'call_uuid=test-1',
      'h=a=b',
    ];
    await send('call.ringing', ...set.flatMap((text) => ['--data', text]));
    const data = bodies()[0]?.['data'] as Record<string, unknown>;
    const { a, b, c, d, e, f, g, h, call_uuid } = data;
    assert.deepEqual(
      { a, b, c, d, e, f, g, h, call_uuid },
      {
        a: 1.5,
        b: true,
        c: null,
        d: [1, 'x'],
        e: '+12025550123',
        f: '42',
        g: '',
        h: 'a=b',
        call_uuid: 'test-1',
      },
    );
  });

  it('exits with 1 and prints the reason if the server cannot use the data', async () => {
    const { code, stdout } = await send('call.completed', '--data', 'call_uuid=[1]');
    assert.equal(code, 1);
    assert.match(stdout, /<-- 200 .* seq \d+ unusable: call_uuid must be text or .*, got a list\n$/);
  });

  it('prints which values the server has left out', async () => {
    const { code, stdout } = await send('call.completed', '--data', 'duration_seconds=-1');
    assert.equal(code, 0);
    assert.match(
      stdout,
      /<-- 200 .* seq \d+ left out: duration_seconds must be a number ≥ 0, got a negative number\n$/,
    );
  });

  it('sends to another path', async () => {
    await send('call.busy', '--path', '/webhooks/calls');
    assert.equal(sent()[0]?.['path'], '/webhooks/calls');
  });

  it('replays recorded deliveries: bodies and event headers unchanged, signed again', async () => {
    const { code, stdout } = await send('--file', RECORDED_FILE);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /\n21 sent in .*200 × 21; 3 duplicates; /);
    const rows = sent();
    assert.equal(rows.length, 18);
    assert.equal(rows[2]?.['event_header'], 'call.completed');
    assert.equal(rows[2]?.['event_id_header'], '8c0f6a2e-55d4-4c0e-9a37-0a3c2b1d4e01');
    assert.ok(String(rows[2]?.['body']).startsWith('{"to":"+15559870001","from":"+15551230001",'));
  });

  it('sends a line without a recorded body as the body itself', async () => {
    const folder = temporaryFolder();
    const file = join(folder.path, 'bodies.jsonl');
    const line = '{"event": "call.ringing",  "data": {"call_uuid": "plain-1"}}';
    writeFileSync(file, `${line}\n\n`);
    const { code } = await send('--file', file);
    assert.equal(code, 0);
    assert.equal(String(sent()[0]?.['body']), line);

    writeFileSync(file, `${line}\n[1]\n`);
    const { code: codeOfWrong, stderr } = await send('--file', file);
    assert.deepEqual([codeOfWrong, stderr], [1, `${file}, line 2 is not a JSON object; nothing was sent\n`]);
    folder.remove();
  });

  it('with --duplicate sends each twice, and each is recorded once', async () => {
    const { code, stdout } = await send('--scenario', 'call', '--duplicate');
    assert.equal(code, 0);
    assert.equal(sent().length, 6);
    assert.equal(stdout.match(/^<-- 200 .* duplicate$/gm)?.length, 6);
    assert.match(stdout, /\n12 sent .*; 6 duplicates;/);
  });

  it('prints a summary for many, sent concurrently in random order, with new ids each time', async () => {
    const options = '--scenario call --count 20 --shuffle --seed 7 --duplicate';
    const { code, stdout } = await send(...options.split(' '));
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^seed 7\n240 sent in .*; 200 × 240; 120 duplicates; /);
    assert.equal(one('SELECT count(*) AS n FROM calls WHERE first_seq > ?', seqBefore)['n'], 20);
    assert.notDeepEqual(sentTypes().slice(0, 6), SCENARIO_CALL);
  });

  it('keeps the given rate', async () => {
    const { code, stdout } = await send('sms.sent', '--count', '60', '--rate', '100');
    assert.equal(code, 0, stdout);
    const [, took, unit] = /^60 sent in ([\d.]+) (m?s),/.exec(stdout) ?? [];
    assert.ok(Number(took) * (unit === 's' ? 1000 : 1) >= 590, stdout);
  });

  it('shows lines for many with --verbose, and none for few with --quiet', async () => {
    const { stdout: many } = await send('sms.sent', '--count', '60', '--verbose');
    assert.equal(many.match(/^--> /gm)?.length, 60);
    const { stdout: few } = await send('sms.sent', '--quiet');
    assert.equal(few, '');
  });

  it('exits with 1 if the secret is wrong, and prints the server’s message', async () => {
    const { code, stdout } = await send('call.busy', '--count', '2', '--secret', 'wrong');
    assert.equal(code, 1);
    assert.match(stdout, /<-- 401 [\d.]+ ms Unauthorized: Invalid signature\n/);
    assert.match(stdout, /\n2 not accepted; the first: call\.busy: 401 .* Invalid signature\n$/);
    assert.deepEqual(sent(), []);
  });
});

describe('./irisx send without a server', () => {
  it('says that nothing is listening', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    for (const args of [[], ['--count', '100'], ['--count', '100', '--rate', '1000']]) {
      const { code, stderr } = await runScript('send', ['call.busy', '--url', url, '--secret', 's', ...args]);
      assert.equal(code, 1);
      assert.equal(stderr, `nothing is listening on ${url}: start the server with ./irisx serve\n`);
    }
  });

  it('needs no secret if the server skips verification', async () => {
    const folder = temporaryFolder();
    const env = { NODE_ENV: 'development', SKIP_SIGNATURE_VERIFICATION: 'true', WEBHOOK_SECRET: '' };
    const databasePath = join(folder.path, 'irisx.db');
    const unverifying = await startReceiver({ env, databasePath });
    const url = ['--url', unverifying.url];
    const { code, stdout } = await runScript('send', ['call.busy', ...url], { env, cwd: folder.path });
    assert.equal(code, 0, stdout);
    await unverifying.close();
    folder.remove();
  });

  it('never makes a development secret', async () => {
    const folder = temporaryFolder();
    const { code, stderr } = await runScript('send', ['call.busy'], { cwd: folder.path });
    assert.equal(code, 1);
    assert.equal(stderr, 'no secret is known: start the server once, or set WEBHOOK_SECRET or --secret\n');
    assert.ok(!existsSync(join(folder.path, 'data')));
    folder.remove();
  });
});
