/** An explanation matches the row, and each value comes from the event that the explanation names. */

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { explainEvent, explain as explainRow } from '../../../src/core/inspect/explain.ts';
import { createReader } from '../../../src/engines/sqlite/reader.ts';
import { contactTexts } from '../../../src/projections/contacts.ts';
import { derivations } from '../../../src/projections/index.ts';
import { appenderOf, openInMemory } from '../../support/database.ts';
import { type Body, delivery, envelope } from '../../support/events.ts';
import { seededRandom } from '../../support/random.ts';
import { randomBody } from '../../support/random-bodies.ts';

const HISTORIES = 150;
const EVENTS_A_HISTORY = 30;
const SUBJECTS = ['a', 'b', 'c'];
const FIRST_SEED = 20_261_125;

let database: ReturnType<typeof openInMemory>;
beforeEach(() => {
  database = openInMemory();
});
afterEach(() => database.close());

function append(...bodies: Body[]): void {
  appenderOf(database, derivations).append(bodies.map((body) => delivery(body)));
}

const { projections } = derivations;
const readerOf = () => createReader(database, projections);

function explain(table: string, key: string, rangeEventsMax?: number) {
  const projection = projections.find(({ name }) => name === table);
  assert.ok(projection !== undefined);
  return explainRow(readerOf(), projection, key, contactTexts, rangeEventsMax);
}

describe('an explanation', () => {
  it('names for each column the event that set it, whatever the order of arrival', async () => {
    append(
      envelope('call.completed', { call_uuid: 'c1', duration_seconds: 60, to_number: '+2' }, 90),
      envelope('call.ringing', { call_uuid: 'c10' }, 1),
      envelope('call.initiated', { call_sid: 'c1', from: '+1', to: '+0' }, 0),
    );
    const found = await explain('calls', 'c1');
    assert.deepEqual(
      found?.events.map(({ seq, type, failure }) => [seq, type, failure]),
      [
        [1, 'call.completed', null],
        [3, 'call.initiated', null],
      ],
    );
    const setBy = Object.fromEntries(
      found?.columns.map(({ name, value, seq }) => [name, [value, seq]]) ?? [],
    );
    assert.deepEqual(setBy['status'], ['completed', 1]);
    assert.deepEqual(setBy['to_number'], ['+2', 1]);
    assert.deepEqual(setBy['from_number'], ['+1', 3]);
    assert.deepEqual(setBy['event_count'], [2, 3]);
    assert.ok(!('value_times_ms' in setBy) && !('answered_at_ms' in setBy));
  });

  it('includes events that could not be used, with the reason, even if there is no row', async () => {
    append(envelope('call.completed', { call_uuid: 'c1' }, 0));
    database.exec(
      "DELETE FROM calls; INSERT INTO failures (seq, stage, field, error) VALUES (1, 'calls', '', 'a defect')",
    );
    const found = await explain('calls', 'c1');
    assert.deepEqual(found?.columns, []);
    assert.equal(found?.events[0]?.failure, 'a defect');
    assert.equal(await explain('calls', 'c2'), undefined);
  });

  it('folds an event of which one value could not be used', async () => {
    append(envelope('call.completed', { call_uuid: 'c1', duration_seconds: -1 }, 0));
    const found = await explain('calls', 'c1');
    assert.deepEqual(
      found?.events.map(({ seq, failure, warnings }) => [seq, failure, warnings]),
      [[1, null, ['duration_seconds must be a number ≥ 0, got a negative number']]],
    );
    assert.equal(found?.columns.find(({ name }) => name === 'status')?.value, 'completed');
    assert.deepEqual(found?.differing, []);
  });

  it('finds an id that is written with escapes in the body', async () => {
    append('{"event":"call.ringing","data":{"call_uuid":"c\\u0031"}}');
    assert.equal((await explain('calls', 'c1'))?.events.length, 1);
  });

  it('shows which rows an event belongs to', async () => {
    append(
      envelope('sms.received', { message_id: 'm1', from_number: '+1', message: 'STOP' }, 0),
      envelope('account.suspended', {}, 0),
    );
    const rowsOf = async (seq: number) =>
      (await explainEvent(readerOf(), projections, seq, contactTexts)).map(({ table, key }) => [table, key]);
    assert.deepEqual(await rowsOf(1), [
      ['sms_messages', 'm1'],
      ['contacts', '*\u001f+1'],
    ]);
    assert.deepEqual(await rowsOf(2), []);
    assert.deepEqual(await rowsOf(3), []);
  });

  it('shows where the table differs, and which events were not examined', async () => {
    append(
      envelope('sms.received', { message_id: 'm1', from_number: '+1', message: 'STOP' }, 0),
      envelope('call.ringing', { call_uuid: 'c1' }, 1),
      envelope('sms.received', { message_id: 'm2', from_number: '+1', message: 'HELP' }, 2),
    );
    const contact = '*\u001f+1';
    assert.deepEqual((await explain('contacts', contact))?.differing, []);
    assert.equal((await explain('contacts', contact))?.readFrom, 1);
    const found = await explain('contacts', contact, 2);
    assert.equal(found?.readFrom, 2);
    assert.deepEqual(found?.differing, ['opted_out', 'opted_out_at_ms', 'opted_out_by']);
    database.exec("UPDATE calls SET from_number = 'somebody'");
    assert.deepEqual((await explain('calls', 'c1'))?.differing, ['from_number']);
  });

  it('equals the live row for any history', async () => {
    let rows = 0;
    for (let history = 0; history < HISTORIES; history++) {
      const random = seededRandom(FIRST_SEED + history);
      database.close();
      database = openInMemory();
      const bodies = Array.from({ length: EVENTS_A_HISTORY }, () => randomBody(random, SUBJECTS));
      appenderOf(database, derivations).append(
        bodies.map(({ body, eventHeader }) => delivery(body, { eventHeader })),
      );
      for (const { name, key, columns } of derivations.projections) {
        for (const row of database.prepare<[], Record<string, unknown>>(`SELECT * FROM ${name}`).all()) {
          rows += 1;
          const found = await explain(name, String(row[key]));
          assert.deepEqual(found?.differing, []);
          for (const column of found?.columns ?? []) {
            assert.deepEqual(
              column.value,
              row[column.name],
              `${name}.${column.name}, seed ${FIRST_SEED + history}`,
            );
            assert.ok(found?.events.some(({ seq }) => seq === column.seq));
          }
          const shown = columns.filter(({ isInternal }) => isInternal !== true).map((column) => column.name);
          const stated = Object.entries(row).filter(
            ([column, value]) => value !== null && shown.includes(column),
          );
          assert.deepEqual(
            found?.columns.map(({ name: column }) => column).toSorted(),
            stated.map(([column]) => column).toSorted(),
            `${name} ${row[key]}, seed ${FIRST_SEED + history}`,
          );
        }
      }
    }
    assert.ok(rows > HISTORIES, `only ${rows} rows`);
  });
});
