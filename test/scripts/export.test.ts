/** `./irisx events export`: what it writes can be sent again, complete and byte for byte. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { EX_USAGE } from '../../scripts/cli/command.ts';
import { delivery, T0_MS } from '../support/events.ts';
import { IRISX_PROGRAM } from '../support/program.ts';
import { query, SECRET, startReceiver } from '../support/receiver.ts';
import { run, runScript } from './run-script.ts';
import { type SampleDatabase, sampleDatabase } from './sample-database.ts';

const EVENTS = 140;
/** Bodies that a careless export would change. */
const ODD: readonly (string | Buffer)[] = [
  Buffer.from([0xff, 0xfe, 0x00, 0x41]),
  '\ufeff{"event":"call.ringing","data":{"call_uuid":"bom"}}',
  '{"event":"call.ringing","data":{"call_uuid":"line\u2028separator\\u0000","n":1e400}}',
  '  {"event" : "call.ringing",\r\n"data":{"call_uuid":"spaces","call_uuid":"twice"}}\n',
  Buffer.from('{"event":"sms.received","data":{"message_id":"\ufffd"}}'),
  'x'.repeat(300_000),
  Buffer.from([]),
];

let database: SampleDatabase;
beforeEach(() => {
  database = sampleDatabase();
  database.append(EVENTS - ODD.length);
  database.record(
    ODD.map((body) =>
      delivery(body, {
        path: '/webhooks/calls',
        eventHeader: 'call.ringing',
        eventIdHeader: 'e "1"',
        receivedAtMs: T0_MS,
      }),
    ),
  );
});
afterEach(() => database.remove());

const script = (name: string, ...args: string[]) => runScript(name, args, { env: database.env });
const linesOf = (stdout: string) =>
  stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('./irisx events export', () => {
  it('writes every event of its range, oldest first, with path, headers and times', async () => {
    const { code, stdout, stderr } = await script('events', 'export', '--after', '90');
    assert.deepEqual([code, stderr], [0, '']);
    const lines = linesOf(stdout);
    assert.deepEqual(
      lines.map(({ seq }) => seq),
      Array.from({ length: EVENTS - 90 }, (_, n) => 91 + n),
    );
    const last = lines.at(-2);
    assert.equal(last?.['path'], '/webhooks/calls');
    assert.equal(last?.['received_at'], new Date(T0_MS).toISOString());
    assert.deepEqual(last?.['headers'], { 'X-IRISX-Event': 'call.ringing', 'X-IRISX-Event-ID': 'e "1"' });
    const ranged = await script('events', 'export', '--after', '3', '--before', '6');
    assert.deepEqual(
      linesOf(ranged.stdout).map(({ seq }) => seq),
      [4, 5],
    );
    assert.equal((await script('events', 'export', '--after', String(EVENTS))).stdout, '');
  });

  it('writes a file that `send --file` puts into another log, byte for byte', async () => {
    const { stdout } = await script('events', 'export');
    const file = join(dirname(database.path), 'all.jsonl');
    writeFileSync(file, stdout);
    const receiver = await startReceiver();
    const sent = await runScript('send', ['--file', file, '--url', receiver.url, '--quiet'], {
      env: { WEBHOOK_SECRET: SECRET },
    });
    assert.match(sent.stdout, new RegExp(`^${EVENTS} sent in .*200 × ${EVENTS};`), sent.stderr);
    const columns = 'SELECT path, event_header, event_id_header, hex(body) AS body FROM events ORDER BY seq';
    assert.deepEqual(receiver.rows(columns), query(database.path, columns));
    await receiver.close();
  });

  it('says where the log is damaged, and ends there', async () => {
    database.tamper('DELETE FROM events WHERE seq = 20');
    const { code, stdout, stderr } = await script('events', 'export');
    assert.equal(code, 1);
    assert.equal(linesOf(stdout).length, 19);
    assert.match(stderr, /^seq 20 is missing or cannot be read: the export ends before it; run .* verify\n$/);
  });

  it('says so if the output cannot be written', async () => {
    const command = '"$@" > /dev/full';
    const program = [process.execPath, ...IRISX_PROGRAM];
    for (const args of [['events', 'export'], ['events', 'list'], ['--help']]) {
      const { code, stderr } = await run('sh', ['-c', command, 'sh', ...program, ...args], {
        env: database.env,
      });
      assert.equal(code, 1);
      assert.match(stderr, /^the output is not complete, it cannot be written: .*ENOSPC.*\n$/);
    }
  });

  it('refuses options that would leave events out', async () => {
    for (const args of [['--limit', '5'], ['--type', 'call.*'], ['--subject', 'x'], ['--failed']]) {
      const { code, stderr } = await script('events', 'export', ...args);
      assert.equal(code, EX_USAGE);
      assert.match(stderr, /cannot be used with export, which writes every event of its range/);
    }
  });
});

describe('./irisx send --file', () => {
  for (const [what, line, problem] of [
    [
      'a line from events list',
      '',
      /line 2 has neither headers and a body nor an event type; write the file with `.* events export`/,
    ],
    ['a delivery without its body', '{"path":"/webhooks","headers":{}}', /line 2 has no body/],
    ['a body in wrong Base64', '{"headers":{},"body_base64":"%"}', /line 2 has no body/],
    ['headers that are text', '{"headers":"none","body":"{}"}', /line 2 has headers that are not an object/],
    ['not JSON', '{', /line 2 is not a JSON object/],
    ['not UTF-8', '{"headers":{},"body":"\xff"}', /line 2 is not valid UTF-8/],
  ] as const)
    it(`sends nothing if a line is ${what}`, async () => {
      const listed = await script('events', 'list', '--output', 'json', '--limit', '1');
      const file = join(dirname(database.path), 'wrong.jsonl');
      const good = '{"headers":{},"body":"{\\"event\\":\\"call.ringing\\"}"}';
      writeFileSync(file, `${good}\n${line === '' ? listed.stdout.trimEnd() : line}\n`, 'latin1');
      const receiver = await startReceiver();
      const { code, stderr } = await runScript('send', ['--file', file, '--url', receiver.url], {
        env: { WEBHOOK_SECRET: SECRET },
      });
      assert.equal(code, 1);
      assert.match(stderr, problem);
      assert.match(stderr, /; nothing was sent\n$/);
      assert.deepEqual(receiver.rows('SELECT seq FROM events'), []);
      await receiver.close();
    });
});
