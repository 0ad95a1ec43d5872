/** `./irisx events` and `./irisx explain` on a log that a server may have open. */

import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { EX_USAGE } from '../../scripts/cli/command.ts';
import { appendHalving } from '../../src/core/writer/append-halving.ts';
import { openDatabase } from '../../src/engines/sqlite/file/database.ts';
import { derivations } from '../../src/projections/index.ts';
import { appenderOf, failBatches } from '../support/database.ts';
import { type Body, delivery, envelope, T0_MS } from '../support/events.ts';
import { IRISX_PROGRAM, startProgram } from '../support/program.ts';
import { until } from '../support/receiver.ts';
import { runScript } from './run-script.ts';
import { type SampleDatabase, sampleDatabase } from './sample-database.ts';

let database: SampleDatabase;
beforeEach(() => {
  database = sampleDatabase();
});
afterEach(() => database.remove());

/** Appends events, one per minute from T0 on. */
function appendEach(...bodies: Body[]): void {
  database.record(bodies.map((body, index) => delivery(body, { receivedAtMs: T0_MS + index * 60_000 })));
}

const ringing = (id: string) => envelope('call.ringing', { call_uuid: id }, 0);

async function script(name: string, ...args: string[]) {
  const { code, stdout, stderr } = await runScript(name, args, { env: database.env });
  return { code, stdout, lines: stdout.trimEnd().split('\n'), stderr };
}

async function listed(...args: string[]): Promise<number[]> {
  const { code, stdout, stderr } = await script('events', 'list', '--output', 'json', ...args);
  assert.equal(code, 0, stderr);
  return stdout
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { seq: number }).seq]));
}

describe('./irisx events', () => {
  it('lists events newest first, by type in any spelling, family, subject, failure, time and seq', async () => {
    appendEach(
      ringing('c1'),
      { event: 'call.canceled', data: { call_uuid: 'c1', from: '+12025550100' } },
      { event: 'call.completed', data: { call_uuid: 'c10', duration: -1 } },
      { event: 'sms.received', data: { message_id: 'm1', message: 'c1' } },
    );
    assert.deepEqual(await listed(), [4, 3, 2, 1]);
    assert.deepEqual(await listed('--limit', '2'), [4, 3]);
    assert.deepEqual(await listed('--type', 'call.cancelled'), [2]);
    assert.deepEqual(await listed('--type', 'call.*'), [3, 2, 1]);
    assert.deepEqual(await listed('--subject', 'c1'), [4, 2, 1]);
    assert.deepEqual(await listed('--subject', '+12025550100'), [2]);
    assert.deepEqual(await listed('--failed'), [3]);
    assert.deepEqual(await listed('--after', '1', '--before', '4'), [3, 2]);
    const at = (minute: number) => new Date(T0_MS + minute * 60_000).toISOString();
    assert.deepEqual(await listed('--since', at(1), '--until', at(3)), [3, 2]);
  });

  it('finds a subject however the sender wrote it: as a number, escaped, deep in the body, or in a body that is not JSON', async () => {
    database.record(
      [
        '{"event":"call.ringing","data":{"call_uuid":12345}}',
        '{"event":"call.ringing","data":{"call_uuid":"12345"}}',
        '{"event":"call.ringing","data":{"call_uuid":123456,"from":"+12345"}}',
        '{"event":"call.ringing","data":{"call_uuid":1234.5,"to":-12345}}',
        String.raw`{"event":"call.ringing","data":{"call_uuid":"\u00312345"}}`,
        '{"event":"call.ringing","more":[[{"any": 12345 }]]}',
        '{"event":"call.ringing","data":{"call_uuid":"12345 "}}',
        'no JSON: 12345',
        '{"event":"call.ringing","data":{"call_uuid":90071992547409931}}',
        '{"event":"call.ringing","data":{"from":"\\u002b12025550100"}}',
        `{"event":"x","deep":${'['.repeat(200_000)}12345${']'.repeat(200_000)}}`,
      ].map((body) => delivery(body)),
    );
    assert.deepEqual(await listed('--subject', '12345'), [11, 8, 6, 5, 2, 1]);
    assert.deepEqual(await listed('--subject', '90071992547409931'), [9]);
    assert.deepEqual(await listed('--subject', '90071992547409930'), []);
    assert.deepEqual(await listed('--subject', '+12025550100'), [10]);
    assert.deepEqual(await listed('--subject', 'call_uuid'), [], 'a name is not a value');
    assert.equal((await script('events', 'list', '--subject', '')).code, EX_USAGE);
  });

  it('lists all events as JSON, unless a limit is given', async () => {
    appendEach(...Array.from({ length: 140 }, (_, n) => ringing(`c${n}`)));
    assert.equal((await listed()).length, 140);
    assert.equal((await listed('--limit', '60')).length, 60);
  });

  it('shows a body that is not valid UTF-8 as JSON without changing it', async () => {
    const body = Buffer.from([0x7b, 0xff, 0x00, 0x7d]);
    database.record([delivery(body)]);
    const { stdout } = await script('events', 'show', '1', '--output', 'json');
    const shown = JSON.parse(stdout) as Record<string, unknown>;
    assert.equal(shown['body'], undefined);
    assert.deepEqual(Buffer.from(String(shown['body_base64']), 'base64'), body);
  });

  it('shows a table that can be continued where it ended, and escapes control characters', async () => {
    const cheap = { event: 'call.completed', data: { call_uuid: 'c2', cost: '$1' } };
    appendEach(ringing('c1'), cheap, { event: 'evil\u001b[2J\u202e', data: {} });
    const { lines } = await script('events', 'list', '--limit', '2');
    assert.match(lines[0] ?? '', /^seq {2}received \(UTC\) +type +path +bytes {2}problem$/);
    assert.match(lines[1] ?? '', /^ {2}3 {2}2026-/);
    assert.ok(lines[1]?.includes('evil\\u001b[2J\\u202e'), lines[1]);
    assert.match(lines[2] ?? '', / {2}left out: cost must be an amount, got text$/);
    assert.equal(lines.at(-1), 'older events: --before 2');
  });

  it('prints the exact bytes of a body, and shows one event in full', async () => {
    const body = '{"event":"call.ringing",  "data":{"call_uuid":"c1","note":"\\u001b[31m\u202e"}}';
    appendEach(body);
    assert.equal((await script('events', 'raw', '1')).stdout, body);
    const { stdout } = await script('events', 'show', '1');
    for (const part of [
      'path',
      '/webhooks',
      'X-IRISX-Signature',
      'ab'.repeat(32),
      '"call_uuid": "c1"',
      '\\u001b[31m',
    ])
      assert.ok(stdout.includes(part), part);
    assert.ok(stdout.includes('\\u202e') && !stdout.includes('\u202e'));
  });

  it('follows the log', async () => {
    appendEach(ringing('before'));
    const command = [process.execPath, ...IRISX_PROGRAM, 'events', 'tail', '--limit', '2'];
    const tail = startProgram(command, dirname(database.path), database.env);
    let sent = 0;
    // It shows events from its start on, but does not report its start. So events are appended until it shows one.
    await until(() => {
      sent += 1;
      database.record([delivery(ringing(`c${sent}`))]);
      return tail.output() !== '';
    }, 'it shows an event');
    database.record([delivery(ringing('last'))]);
    assert.equal((await tail.ended()).code, 0);
    const output = tail.output();
    const seqs = output
      .trimEnd()
      .split('\n')
      .map((line) => Number(line.split(' ')[0]));
    assert.equal(seqs.length, 2);
    assert.ok((seqs[0] ?? 0) > 1 && seqs[1] === (seqs[0] ?? 0) + 1, output);
  });

  for (const [args, message] of [
    [[], 'give a command: list, tail, show SEQ, raw SEQ or export'],
    [['lost'], 'unknown command "lost"; commands: list, tail, show, raw, export'],
    [['show'], 'give one SEQ, a whole number from 1'],
    [['raw', '0'], 'give one SEQ, a whole number from 1, not "0"'],
    [
      ['list', '--type', 'call.%'],
      '--type must be a type or a family, such as call.failed or call.*, not "call.%"',
    ],
    [
      ['list', '--since', 'yesterday'],
      '--since must be a date or a time, such as 2026-01-05T09:00:00Z, not "yesterday"',
    ],
    [['list', '--limit', '0'], '--limit must be a whole number from 1 to 1000000, not "0"'],
    [['list', '--output', 'xml'], '--output must be table or json, not "xml"'],
  ] as const) {
    it(`refuses ${JSON.stringify(args.join(' '))} with one line`, async () => {
      appendEach(ringing('c1'));
      const { code, stderr, stdout } = await script('events', ...args);
      assert.equal(stderr, `${message}; see --help\n`);
      assert.equal(stdout, '');
      assert.equal(code, EX_USAGE);
    });
  }

  it('names the last event if the given one does not exist', async () => {
    appendEach(ringing('c1'));
    const { code, stderr } = await script('events', 'show', '2');
    assert.equal(stderr, 'there is no event 2: the log’s last event is seq 1\n'.replace('’', "'"));
    assert.equal(code, 1);
  });
});

describe('./irisx explain', () => {
  it('shows for a call its events by time and by arrival, its columns, and its recordings', async () => {
    appendEach(
      envelope('call.completed', { call_uuid: 'c1', duration_seconds: 60 }, 90),
      envelope('call.initiated', { call_uuid: 'c1', from_number: '+1' }, 0),
      envelope('recording.complete', { recording_id: 'r1', call_uuid: 'c1' }, 95),
    );
    const { code, lines } = await script('explain', 'call', 'c1');
    assert.equal(code, 0);
    assert.equal(lines[0], 'calls c1: 2 events, times are UTC');
    assert.match(lines[2] ?? '', /^2026-\S+ \S+ +2 +2 +\S+ \S+ +call\.initiated$/);
    assert.match(lines[3] ?? '', /^2026-\S+ \S+ +1 +1 +\S+ \S+ +call\.completed$/);
    assert.ok(lines.some((line) => /^status +completed +1$/.test(line)));
    assert.ok(lines.some((line) => /^from_number +\+1 +2$/.test(line)));
    assert.ok(lines.includes('recordings r1: 1 event, times are UTC'));
  });

  it('shows events that no table has, because they could not be folded, and why', async () => {
    const open = openDatabase(database.path, derivations);
    open.exec(failBatches('calls'));
    const bad = delivery({ event: 'call.completed', data: { call_uuid: 'c1', duration_seconds: -1 } });
    await appendHalving(appenderOf(open, derivations).writer, [bad], derivations.projections);
    const reason = 'the receiver failed on this event (SQLITE_CONSTRAINT_TRIGGER)';
    const alone = await script('explain', 'call', 'c1');
    assert.equal(alone.code, 0, alone.stdout);
    assert.match(alone.stdout, /^calls c1: 1 event,/);
    assert.ok(alone.stdout.includes(reason), alone.stdout);
    assert.match((await script('explain', 'seq', '1')).stdout, /^calls c1: 1 event,/m);
    await appendHalving(
      appenderOf(open, derivations).writer,
      [delivery(ringing('c1'))],
      derivations.projections,
    );
    open.close();
    const { stdout } = await script('explain', 'call', 'c1');
    assert.match(stdout, /^calls c1: 2 events,/);
    assert.ok(stdout.includes(reason), stdout);
    assert.match(stdout, /^status +ringing +2$/m);
    assert.doesNotMatch(stdout, /the table has different values/);
  });

  it('shows for one event the rows that it belongs to, and which values are left out', async () => {
    appendEach(envelope('call.completed', { call_uuid: 'c1', duration_seconds: -1 }, 0), { event: 'x.y' });
    const { lines } = await script('explain', 'seq', '1');
    assert.match(lines[0] ?? '', /^seq 1: call\.completed, received .* at \/webhooks$/);
    assert.equal(lines[1], 'left out: duration_seconds must be a number ≥ 0, got a negative number');
    assert.ok(lines.some((line) => /^status +completed +1$/.test(line)));
    const other = await script('explain', 'seq', '2');
    assert.equal(other.lines.at(-1), 'it does not belong to any row');
    assert.equal(other.code, 0);
  });

  it('gives a program one object per row, under names that stay', async () => {
    appendEach({ event: 'sms.received', data: { message_id: 'm1' } }, { event: 'x.y' });
    for (const seq of ['1', '2']) {
      const { stdout } = await script('explain', 'seq', seq, '--output', 'json');
      assert.ok(Array.isArray(JSON.parse(stdout)), `the rows of seq ${seq}`);
    }
    const { stdout } = await script('explain', 'sms', 'm1', '--output', 'json');
    const [row, ...more] = JSON.parse(stdout) as [Record<string, unknown>];
    assert.deepEqual(more, []);
    const names = ['table', 'key', 'events', 'columns', 'differing', 'lookedAtFrom'];
    assert.deepEqual(Object.keys(row), names);
    const { events, columns } = row as { events: [object]; columns: [object] };
    const eventNames = ['seq', 'type', 'occurredAtMs', 'receivedAtMs', 'failure', 'warnings'];
    assert.deepEqual(Object.keys(events[0]), eventNames);
    assert.deepEqual(Object.keys(columns[0]), ['name', 'value', 'seq']);
  });

  it('says what has not arrived, and where the id is known', async () => {
    appendEach({ event: 'sms.received', data: { message_id: 'm1' } });
    const { code, lines } = await script('explain', 'call', 'm1');
    assert.equal(code, 1);
    assert.deepEqual(lines, [
      'no event for call "m1" has arrived; events for sms with this id have: ./irisx explain sms m1',
    ]);
    const unknown = await script('explain', 'sms', 'nobody');
    assert.equal(unknown.code, 1);
    assert.match(unknown.lines[0] ?? '', /^no event for sms "nobody" has arrived; \.\/irisx events/);
  });

  it('refuses unknown arguments with one line', async () => {
    const { code, stderr } = await script('explain', 'fax', '1');
    assert.equal(code, EX_USAGE);
    assert.equal(
      stderr,
      'give one of call, sms, recording, contact and an id, or seq and a number; see --help\n',
    );
    assert.equal(
      (await script('explain', 'seq', 'x')).stderr,
      '"x" is not a seq: give a whole number from 1; see --help\n',
    );
  });
});
