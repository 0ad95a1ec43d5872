/** A person's state is the same for `opt_outs`, the report and isOptedOut(), whatever the order of arrival. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createReader } from '../../src/engines/sqlite/reader.ts';
import { derivations } from '../../src/projections/index.ts';
import { isOptedOut } from '../../src/projections/opted-out.ts';
import { makeReport, type ReportName } from '../../src/projections/reports.ts';
import { appenderOf, openInMemory } from '../support/database.ts';
import { type Body, delivery, envelope, T0_MS, T0_S } from '../support/events.ts';
import { seededRandom } from '../support/random.ts';

const SEED = 20_261_128;
const HISTORIES = 200;
const NUMBER = '+15551230001';

let database: ReturnType<typeof openInMemory>;
beforeEach(() => {
  database = openInMemory();
});
afterEach(() => database.close());

const reader = () => createReader(database, derivations.projections);
const optedOut = (number: string, tenant?: string) => isOptedOut(reader().query, number, tenant);

function append(...bodies: Body[]): void {
  appenderOf(database, derivations).append(bodies.map((body) => delivery(body)));
}

let messages = 0;
/** @param tenant undefined: none is stated */
function says(
  message: string,
  tenant: string | undefined,
  atS: number,
  from = NUMBER,
  more: object = {},
): object {
  messages += 1;
  const parties = { from_number: from, to_number: '+18000000001', ...(tenant && { tenant_id: tenant }) };
  return envelope('sms.received', { message_id: `m${messages}`, ...parties, message, ...more }, atS);
}

async function rows(name: ReportName): Promise<unknown[][]> {
  const report = await makeReport(reader(), name, {
    sinceMs: undefined,
    untilMs: undefined,
    by: 'day',
    order: 'group',
  });
  return report.rows.map((row) => Object.values(row));
}

const view = () =>
  database
    .prepare(
      'SELECT contact, tenant_id, phone_number, own_number, opted_out_at, opted_out_by FROM opt_outs ORDER BY 1',
    )
    .raw()
    .all();
const at = (second: number) => new Date(T0_MS + second * 1000).toISOString().replace('.000', '');

describe('a person', () => {
  it('is opted out for the tenant whose number got the STOP, whatever another tenant gets', async () => {
    append(says('STOP', 'A', 1), says('Yes', 'B', 2, NUMBER, { to_number: '+19000000001' }));
    assert.deepEqual(view(), [['A\u001f+15551230001', 'A', NUMBER, '+18000000001', at(1), 'STOP']]);
    assert.equal(await optedOut(NUMBER, 'A'), true);
    assert.equal(await optedOut(NUMBER, 'B'), false);
    assert.equal(await optedOut(NUMBER), true);
    assert.equal(await optedOut('+15551230002'), false);
  });

  it('who opts out without a tenant is opted out for every tenant, also for one that has an opt-in', async () => {
    append(says('STOP', undefined, 1), says('START', 'A', 2));
    assert.deepEqual(view(), [
      ['*\u001f+15551230001', null, NUMBER, '+18000000001', at(1), 'STOP'],
      ['A\u001f+15551230001', 'A', NUMBER, '+18000000001', at(1), 'STOP'],
    ]);
    for (const tenant of [undefined, 'A', 'B', '*']) assert.equal(await optedOut(NUMBER, tenant), true);
  });

  it('who opts in without a tenant is still opted out for the tenant that got the STOP', async () => {
    append(says('QUIT', 'A', 1), says('STOP', undefined, 1), says('START', undefined, 2));
    assert.deepEqual(view(), [['A\u001f+15551230001', 'A', NUMBER, '+18000000001', at(1), 'QUIT']]);
    assert.deepEqual([await optedOut(NUMBER, 'A'), await optedOut(NUMBER, 'B')], [true, false]);
  });

  it('is found by any spelling of the number', async () => {
    append(says('STOP', 'A', 1, '001 555 123 0001'));
    for (const spelling of [NUMBER, '15551230001', '+1 (555) 123-0001'])
      assert.deepEqual([await optedOut(spelling), await optedOut(spelling, 'A')], [true, true]);
    for (const other of ['5551230001', '551230001', '*', '']) assert.equal(await optedOut(other), false);
  });

  it('with an unusual tenant or number is distinct from all others', async () => {
    const long = 'n'.repeat(2_000);
    append(
      says('STOP', '*', 1),
      says('STOP', 'A\u001f+1', 1),
      says('STOP', undefined, 1, long),
      says('YES', 'A', 2, long),
    );
    assert.deepEqual([await optedOut(NUMBER, 'A'), await optedOut(NUMBER, '*')], [false, true]);
    assert.equal(await optedOut(NUMBER, 'A\u001f+1'), true);
    assert.equal(await optedOut(`+1\u001f${NUMBER}`, 'A'), false);
    assert.deepEqual([await optedOut(long, 'A'), await optedOut(`${long}n`, 'A')], [true, false]);
    assert.equal(view().filter((row) => String((row as unknown[])[0]).includes('nnn')).length, 2);
  });

  it('has the same state in every order of arrival, for the view, the report and isOptedOut()', async () => {
    const tenants = [undefined, 'A', 'B'];
    let found = 0;
    for (let history = 0; history < HISTORIES; history++) {
      const random = seededRandom(SEED + history);
      const bodies = Array.from({ length: 1 + random.below(8) }, () =>
        says(random.pick(['STOP', 'START', 'END', 'HELP']), random.pick(tenants), random.below(4)),
      );
      const states: unknown[] = [];
      for (const order of [bodies, random.shuffle(bodies)]) {
        database.close();
        database = openInMemory();
        append(...order);
        const shown = view() as string[][];
        assert.deepEqual(
          (await rows('opt-outs')).map(([atMs, tenant, , , by]) => [tenant, atMs, by]).toSorted(),
          shown.map(([, tenant, , , iso, by]) => [tenant, Date.parse(String(iso)), by]).toSorted(),
        );
        for (const [, tenant] of shown) assert.equal(await optedOut(NUMBER, tenant ?? undefined), true);
        const ofAll = await Promise.all(tenants.map((tenant) => optedOut(NUMBER, tenant)));
        assert.equal(ofAll[0], shown.length > 0);
        for (const tenant of ['A', 'B']) {
          const isShown = shown.some(([, shownFor]) => shownFor === null || shownFor === tenant);
          assert.equal(ofAll[tenants.indexOf(tenant)], isShown, `${tenant}, seed ${SEED + history}`);
        }
        found += shown.length;
        states.push(shown);
      }
      assert.deepEqual(states[1], states[0], `seed ${SEED + history}`);
    }
    assert.ok(found > HISTORIES, `only ${found} opt-outs`);
  });
});

describe('the row for every tenant', () => {
  const planOf = (sql: string, ...values: string[]) =>
    (database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values) as { detail: string }[]).map(
      ({ detail }) => detail,
    );

  it('is looked up by its key', () => {
    for (const name of ['opt_outs', 'report_opt_outs']) {
      const steps = planOf(`SELECT * FROM ${name}`);
      assert.ok(
        steps.some((step) => /^SEARCH everywhere USING INDEX \S+ \(contact=\?\)/.test(step)),
        steps.join('\n'),
      );
    }
    const asked = planOf('SELECT 1 FROM contacts WHERE contact IN (?, ?) AND opted_out = 1', 'a', 'b');
    assert.match(asked.join('\n'), /^SEARCH contacts USING INDEX \S+ \(contact=\?\)/);
  });
});

it('the SQL in docs/OPERATIONS.md answers its questions', () => {
  append(
    says('STOP', 'T1', 1),
    says('STOP', undefined, 2, '+15551230002'),
    says('STOP', 'T2', 3, '+15551230003'),
  );
  database.exec('CREATE TABLE customers (name TEXT, phone TEXT)');
  database.exec(`INSERT INTO customers VALUES ('Ada', '${NUMBER}'), ('Grace', '+15551230009')`);
  const page = readFileSync(join(import.meta.dirname, '../../docs/OPERATIONS.md'), 'utf8');
  const [section = ''] = /^## Opt-outs$[\s\S]*?^## /m.exec(page) ?? [];
  const blocks = [...section.matchAll(/^```sql\n([\s\S]*?)^```$/gm)].map(([, sql = '']) => sql);
  const answers = blocks
    .join('')
    .split(';\n')
    .filter((sql) => sql !== '')
    .map((sql) => database.prepare(sql).raw().all().flat().toSorted());
  assert.deepEqual(answers, [
    [0],
    [NUMBER, '+15551230002'],
    [1],
    [NUMBER, '+15551230002', '+15551230003'],
    ['Ada'],
    [NUMBER, '+15551230002', '+15551230003', 'STOP', 'STOP', 'STOP'],
  ]);
});

describe('the report of possible opt-outs', () => {
  it('has the newest first: who wrote, to whom, and the words', async () => {
    append(
      says('Stop. Thank you', 'A', 1),
      says('stop it', undefined, 2, '+15551230002'),
      says('Stopping by at 5', 'A', 3),
      says('STOP', 'A', 4),
    );
    assert.deepEqual(await rows('possible-opt-outs'), [
      [T0_MS + 2000, null, '+15551230002', '+18000000001', 'STOP', 'stop it'],
      [T0_MS + 1000, 'A', NUMBER, '+18000000001', 'STOP', 'Stop. Thank you'],
    ]);
  });

  it('has a message without a number, too', async () => {
    append(envelope('sms.received', { message_id: 'x', message: 'Stop, please' }, 1));
    assert.equal((await rows('possible-opt-outs')).length, 1);
  });
});

describe('the report of failures', () => {
  it('has the opt-outs that cannot be attributed first', async () => {
    const event = 'call.completed';
    append(
      ...[1, 2, 3].map((number) => ({ event, data: { call_uuid: `c${number}`, duration_seconds: 'long' } })),
      { event: 'sms.received', timestamp: T0_S, data: { message_id: 'x', message: 'STOP' } },
      ...[4, 5].map((number) => ({ event, data: { id: number } })),
      ...[6, 7, 8, 9].map((id) => ({
        event: 'sms.received',
        timestamp: T0_S,
        data: { id, message: 'HELP' },
      })),
    );
    const found = (await rows('failures')).map((row) => row.slice(0, 4));
    assert.deepEqual(found, [
      ['contacts', 'the event', 'the opt-out cannot be attributed to a number: from_number is missing', 1],
      ['contacts', 'the event', 'the keyword cannot be attributed to a number: from_number is missing', 4],
      ['calls', 'duration_seconds', 'duration_seconds must be a number ≥ 0, got text', 3],
      ['calls', 'the event', 'call_uuid is missing', 2],
    ]);
  });
});
