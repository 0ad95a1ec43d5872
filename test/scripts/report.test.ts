/** `./irisx report`: reports in three formats, as of now and as of an earlier event. */

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { EX_USAGE } from '../../scripts/cli/command.ts';
import { delivery, envelope, T0_MS } from '../support/events.ts';
import { runScript } from './run-script.ts';
import { type SampleDatabase, sampleDatabase } from './sample-database.ts';

const DAY_S = 86_400;

let database: SampleDatabase;
beforeEach(() => {
  database = sampleDatabase();
});
afterEach(() => database.remove());

/** Each is signed when it occurred. */
function append(...bodies: ReturnType<typeof envelope>[]): void {
  const deliveries = bodies.map((body, index) =>
    delivery(body, { signedAt: body.timestamp, receivedAtMs: T0_MS + index * 1000 }),
  );
  database.record(deliveries);
}

async function report(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runScript('report', args, { env: database.env });
  assert.equal(code, 0, stderr);
  return stdout;
}

const call = (id: string, type: string, atS: number, data: object = {}) =>
  envelope(`call.${type}`, { call_uuid: id, ...data }, atS);

/** Two days of calls and messages, an opt-out and a failure. */
function appendTwoDays(): void {
  const [number, other] = ['+12025550100', '+12025550101'];
  append(
    call('a', 'initiated', 0, {
      direction: 'outbound',
      from_number: number,
      to_number: other,
      tenant_id: 't1',
    }),
    call('a', 'answered', 5),
    call('a', 'completed', 65, { duration_seconds: 60, total_cost: 0.0125 }),
    call('b', 'initiated', 10, {
      direction: 'inbound',
      from_number: other,
      to_number: number,
      tenant_id: 't2',
    }),
    call('b', 'busy', 12),
    call('c', 'answered', DAY_S, { direction: 'inbound', from_number: '+13', to_number: number }),
    envelope('sms.sent', { message_id: 'm1', to_number: other, segments: 2 }, 0),
    envelope('sms.delivered', { message_id: 'm1' }, 1),
    envelope('sms.failed', { message_id: 'm2', to_number: other }, DAY_S),
    envelope('sms.received', { message_id: 'm3', from_number: other, message: 'STOP' }, 20),
    call('d', 'completed', 0, { call_uuid: ['d'] }),
  );
}

describe('./irisx report', () => {
  it('counts calls, messages and costs by day, with a total, and lists opt-outs and failures', async () => {
    appendTwoDays();
    const [day, next] = [T0_MS, T0_MS + DAY_S * 1000].map((ms) => new Date(ms).toISOString().slice(0, 10));
    const lines = (await report()).split('\n').map((line) => line.replace(/ +/g, ' '));
    for (const line of [
      'calls by day (UTC)',
      `${day} 2 1 0 50.0 % 1 0 1 0 0 0 1.0 60.0 s`,
      `${next} 1 1 0 100.0 % 0 0 0 0 0 1 0.0 –`,
      'total 3 2 0 66.7 % 1 0 1 0 0 1 1.0 60.0 s',
      'sms by day (UTC)',
      `${day} 1 1 0 1 100.0 % 2`,
      `${next} 1 0 1 0 0.0 % 0`,
      'costs by day (UTC)',
      'day calls with cost minutes cost (USD)',
      `${day} 2 1 1.0 0.0125`,
      'opt-outs (UTC)',
      'possible-opt-outs (UTC)',
      'failures (UTC)',
    ])
      assert.ok(lines.includes(line), `${line}\n${lines.join('\n')}`);
    assert.ok(lines.some((line) => / – \+12025550101 – STOP$/.test(line)));
    assert.ok(
      lines.some((line) =>
        line.startsWith(
          'calls the event call_uuid must be text or a whole number from 0 to 2^53 - 1,… 1 11 11 ',
        ),
      ),
    );
  });

  it('groups by tenant, by hour and by the other party’s number, within a period', async () => {
    appendTwoDays();
    const groups = async (...args: string[]) =>
      (
        JSON.parse(await report('calls', '--format', 'json', ...args)) as { rows: Record<string, unknown>[] }
      ).rows.map((row) => [Object.values(row)[0], row['calls']]);
    assert.deepEqual(await groups('--by', 'tenant'), [
      ['t1', 1],
      ['t2', 1],
      ['–', 1],
    ]);
    assert.deepEqual(await groups('--by', 'number'), [
      ['+12025550101', 2],
      ['+13', 1],
    ]);
    const since = new Date(T0_MS + DAY_S * 1000).toISOString();
    assert.equal((await groups('--by', 'hour', '--since', since)).length, 1);
    assert.equal((await groups('--by', 'hour', '--until', since)).length, 1);
  });

  it('orders tenants and numbers by volume, days by time, and each of them as --order says', async () => {
    const spent = { total_cost: 5, tenant_id: 'few' };
    append(
      call('a', 'completed', 0, spent),
      ...['b', 'c'].map((id) => call(id, 'completed', DAY_S, { total_cost: 1, tenant_id: 'many' })),
      envelope('sms.sent', { message_id: 'm1', tenant_id: 'a' }, 0),
      ...['m2', 'm3'].map((id) => envelope('sms.sent', { message_id: id, tenant_id: 'b' }, DAY_S)),
    );
    const groups = async (...args: string[]) => {
      const { rows } = JSON.parse(await report(...args, '--format', 'json')) as {
        rows: Record<string, unknown>[];
      };
      return rows.map((row) => String(Object.values(row)[0]));
    };
    assert.deepEqual(await groups('calls', '--by', 'tenant'), ['many', 'few']);
    assert.deepEqual(await groups('calls', '--by', 'tenant', '--order', 'group'), ['few', 'many']);
    assert.deepEqual(await groups('sms', '--by', 'tenant'), ['b', 'a']);
    assert.deepEqual(await groups('costs', '--by', 'tenant'), ['few', 'many']);
    const days = await groups('calls');
    assert.deepEqual(days, days.toSorted());
    assert.deepEqual(await groups('calls', '--order', 'volume'), days.toReversed());
  });

  it('with --limit has the first rows, the total of all, and says how many there are more', async () => {
    appendTwoDays();
    const lines = async (...args: string[]) =>
      (await report(...args)).split('\n').map((line) => line.replace(/ +/g, ' '));
    const [heading, , first = '', total, more, ...rest] = await lines(
      'calls',
      '--by',
      'number',
      '--limit',
      '1',
    );
    assert.equal(heading, 'calls by number (UTC)');
    assert.match(first, /^\+12025550101 2 /);
    assert.match(total ?? '', /^total 3 /);
    assert.deepEqual([more, ...rest], ['and 1 more row; the total is of all rows', '', '']);
    const json = JSON.parse(await report('calls', '--limit', '1', '--format', 'json')) as Record<
      string,
      unknown
    >;
    assert.equal((json['rows'] as unknown[]).length, 1);
    assert.deepEqual([json['rows_left_out'], (json['total'] as Record<string, unknown>)['calls']], [1, 3]);
    assert.equal((await report('calls', '--limit', '1', '--format', 'csv')).split('\r\n').length, 3);
    for (const format of ['table', 'json', 'csv'])
      assert.equal(
        (await report('calls', '--limit', '2', '--format', format)).replace('"rows_left_out":0', ''),
        (await report('calls', '--format', format)).replace('"rows_left_out":0', ''),
      );
    append(
      ...Array.from({ length: 3 }, (_, index) => envelope(`call.${'x'.repeat(index)}`, { a: index }, index)),
    );
    append(call('e', 'completed', 0, { duration_seconds: -2 }));
    assert.ok((await lines('failures', '--limit', '1')).includes('and 1 more row'));
  });

  it('in CSV has the phone numbers as they were sent, and with ; decimal commas', async () => {
    const numbers = ['+1 (555) 123-4567', '+15551234567', '=1+1', 'x;=1+1', 'café'];
    append(
      ...numbers.map((number, index) =>
        call(String(index), 'completed', index, {
          direction: 'inbound',
          from_number: number,
          duration_seconds: 90,
          total_cost: 0.0125,
        }),
      ),
    );
    const args = ['costs', '--by', 'number', '--order', 'group', '--format', 'csv'];
    const cells = ['+1 (555) 123-4567', '+15551234567', "'=1+1", 'café', "x;'=1+1"].map(
      (text) => `"${text}"`,
    );
    assert.deepEqual((await report(...args)).split('\r\n'), [
      '\ufeffnumber,calls,with_cost,minutes,cost',
      ...cells.map((cell) => `${cell},1,1,1.5,0.0125`),
      '',
    ]);
    assert.deepEqual((await report(...args, '--separator', ';')).split('\r\n'), [
      '\ufeffnumber;calls;with_cost;minutes;cost',
      ...cells.map((cell) => `${cell};1;1;1,5;0,0125`),
      '',
    ]);
  });

  it('prints unformatted numbers for programs', async () => {
    appendTwoDays();
    const costs = JSON.parse(await report('costs', '--format', 'json')) as Record<string, unknown>;
    assert.deepEqual(costs['columns'], {
      day: 'text',
      calls: 'count',
      with_cost: 'count',
      minutes: 'minutes',
      cost: 'micros',
    });
    assert.deepEqual((costs['total'] as Record<string, unknown>)['cost'], 12_500);
    const csv = await report('opt-outs', '--format', 'csv');
    assert.match(
      csv,
      /^\ufeffopted_out_at,tenant,phone_number,own_number,opted_out_by\r\n"\d{4}-\S+Z",,"\+12025550101",,STOP\r\n$/,
    );
  });

  it('as of the head equals the live report, and as of an earlier event the report made then', async () => {
    database.append(300);
    appendTwoDays();
    const live = await report('--format', 'json');
    const then = `"as_of":311`;
    assert.equal((await report('--format', 'json', '--as-of', '311')).replaceAll(then, '"as_of":null'), live);
    database.append(200);
    assert.notEqual(await report('--format', 'json'), live);
    assert.equal((await report('--format', 'json', '--as-of', '311')).replaceAll(then, '"as_of":null'), live);
  });

  it('as of a time is as of the last event received by then', async () => {
    appendTwoDays();
    for (const [ms, seq] of [
      [T0_MS + 2000, 3],
      [T0_MS + 2999, 3],
      [T0_MS + 3000, 4],
    ] as const) {
      const text = await report('calls', '--format', 'json', '--as-of', new Date(ms).toISOString());
      assert.equal((JSON.parse(text) as Record<string, unknown>)['as_of'], seq);
    }
  });

  it('as of seq 0 is an empty report', async () => {
    appendTwoDays();
    assert.match(await report('calls', '--as-of', '0'), /^calls by day, as of seq 0 \(UTC\)\nnone\n/);
  });

  it('as of an event that was removed says so and exits', async () => {
    appendTwoDays();
    database.tamper('DELETE FROM events WHERE seq = 5');
    const { code, stdout, stderr } = await runScript('report', ['--as-of', '5'], { env: database.env });
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^the log cannot be read beyond seq 4 of 5: run \.\/irisx verify to find /);
  });

  for (const [args, message] of [
    [['fax'], 'unknown report "fax"; reports: calls, sms, costs, opt-outs, possible-opt-outs, failures'],
    [['--by', 'week'], '--by must be one of day, hour, tenant, number, not "week"'],
    [['failures', '--by', 'hour'], '--by is for calls, sms, costs, not for failures'],
    [['opt-outs', '--order', 'volume'], '--order is for calls, sms, costs, not for opt-outs'],
    [['--limit', '0'], '--limit must be a whole number of at least 1, not "0"'],
    [['--format', 'csv'], '--format csv is for one report: name it'],
    [['calls', '--separator', ';'], '--separator is for --format csv'],
    [['calls', '--format', 'csv', '--separator', 'tab'], '--separator must be , or ;, not "tab"'],
    [['--format', 'xml'], '--format must be one of table, csv, json, not "xml"'],
    [['--since', '2026-01-02', '--until', '2026-01-01'], '--until must be later than --since'],
    [['--as-of', '12'], "--as-of 12: the log's last event is seq 11"],
    [['--as-of', 'noon'], '--as-of must be a date or a time, such as 2026-01-05T09:00:00Z, not "noon"'],
  ] as const) {
    it(`refuses ${args.join(' ')} with one line`, async () => {
      appendTwoDays();
      const { code, stdout, stderr } = await runScript('report', args, { env: database.env });
      assert.equal(stderr, `${message}; see --help\n`);
      assert.equal(stdout, '');
      assert.equal(code, EX_USAGE);
    });
  }
});
