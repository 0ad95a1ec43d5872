/** `./irisx explain` finds a row by what a person types: the beginning of an id, or a number in any spelling. */

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { EXPLAIN_CANDIDATES_MAX, EXPLAIN_START_CHARS_MIN } from '../../src/core/limits.ts';
import { type Body, delivery, envelope } from '../support/events.ts';
import { runScript } from './run-script.ts';
import { type SampleDatabase, sampleDatabase } from './sample-database.ts';

let database: SampleDatabase;
beforeEach(() => {
  database = sampleDatabase();
});
afterEach(() => database.remove());

function append(...bodies: Body[]): void {
  database.record(bodies.map((body) => delivery(body)));
}

interface Explained {
  readonly table: string;
  readonly key: string;
  readonly events: readonly {
    readonly seq: number;
    readonly warnings: readonly string[];
    readonly failure: string | null;
  }[];
  readonly columns: readonly { readonly name: string; readonly value: unknown }[];
  readonly differing: readonly string[];
}

async function explain(...args: string[]) {
  const { code, stdout, stderr } = await runScript('explain', [...args, '--output', 'json'], {
    env: database.env,
  });
  return { code, stderr, rows: JSON.parse(stdout) as Explained[] };
}

const text = async (...args: string[]) => runScript('explain', args, { env: database.env });
const says = (message: string, from_number: unknown, atS: number, more: object = {}) =>
  envelope('sms.received', { message_id: `m${atS}`, from_number, message, ...more }, atS);
const ringing = (call_uuid: string, more: object = {}) => envelope('call.ringing', { call_uuid, ...more }, 0);
const named = (rows: readonly Explained[]) => rows.map(({ table, key }) => [table, key]);

describe('./irisx explain contact', () => {
  it('takes the number in any spelling, and shows its rows for all tenants', async () => {
    append(
      says('STOP', '+14155558761', 1, { tenant_id: 'A' }),
      says('Yes', 14155558761, 2, { tenant_id: 'B' }),
      says('HELP', '001 415 555 8761', 3),
      says('STOP', '+14155558762', 4),
    );
    for (const spelling of ['14155558761', '+14155558761', '+1 (415) 555-8761', '001 415-555-8761']) {
      const { code, rows } = await explain('contact', spelling);
      assert.equal(code, 0);
      assert.deepEqual(
        rows.map(({ key, events, differing }) => [key, events.map(({ seq }) => seq), differing]),
        [
          ['*\u001f+14155558761', [3], []],
          ['A\u001f+14155558761', [1], []],
          ['B\u001f+14155558761', [2], []],
        ],
        spelling,
      );
    }
    assert.match((await text('contact', '14155558761')).stdout, /^contacts A \+14155558761: 1 event,/m);
    assert.equal((await explain('contact', '4155558761')).code, 1);
  });

  it('finds the events in which the number is spelled otherwise', async () => {
    append(
      says('STOP', '+14155558761', 1),
      says('START', '001 415 555 8761', 2),
      says('Hello', '+14155558761', 3),
      says('CANCEL', '1\u00b7415\u00b7555\u00b78761', 4),
      envelope('sms.received', { from_number: '+14155558761', message: 'HELP' }, 5),
    );
    const [row] = (await explain('contact', '+14155558761')).rows;
    assert.deepEqual(
      row?.events.map(({ seq }) => seq),
      [1, 2, 4, 5],
    );
    assert.deepEqual(row?.differing, []);
    assert.deepEqual(named((await explain('seq', '4')).rows)[1], ['contacts', '*\u001f+14155558761']);
  });
});

describe('./irisx explain with the beginning of an id', () => {
  it('shows the one row that it matches', async () => {
    append(
      ringing('3f2a77aa-1'),
      ringing('3f2b'),
      envelope('recording.complete', { recording_id: 'r-1', call_uuid: '3f2a77aa-1' }, 1),
    );
    for (const start of ['3f2a77aa-1', '3f2a', '3f2a…', '3f2a77'])
      assert.deepEqual(named((await explain('call', start)).rows), [
        ['calls', '3f2a77aa-1'],
        ['recordings', 'r-1'],
      ]);
    assert.equal('3f2a'.length, EXPLAIN_START_CHARS_MIN);
    const { code, rows, stderr } = await explain('call', '3f2');
    assert.deepEqual([code, rows], [1, []]);
    assert.match(stderr, /^no event for call "3f2" has arrived; /);
  });

  it('names the ids that it matches, if there are several: at most ten', async () => {
    const ids = (count: number) =>
      Array.from({ length: count }, (_, index) => `call-${String(index).padStart(2, '0')}`);
    append(...ids(EXPLAIN_CANDIDATES_MAX).map((id) => ringing(id)), ringing('call'));
    const { code, stdout } = await text('call', 'call-');
    assert.equal(code, 1);
    assert.deepEqual(stdout.split('\n'), [
      'several ids begin with call-:',
      ...ids(10).map((id) => `  ${id}`),
      '',
    ]);
    append(ringing('call-10'));
    assert.match((await text('call', 'call-')).stdout, /call-09\n {2}and others\n$/);
    const { rows, stderr } = await explain('call', 'call-');
    assert.deepEqual(rows, []);
    assert.match(stderr, /^several ids begin with call-:/);
    assert.deepEqual(
      named((await explain('call', 'call')).rows),
      [['calls', 'call']],
      'an exact id comes first',
    );
  });

  it('finds an id that is too long to be a key, by all of it or by its beginning', async () => {
    const long = `c${'0'.repeat(600)}`;
    append(ringing(`${long}1`), ringing(`${long}2`), ringing(`d${long}`));
    for (const id of [`${long}1`, `d${long}`]) {
      const [row, ...more] = (await explain('call', id)).rows;
      assert.deepEqual(more, []);
      assert.deepEqual([row?.events.length, row?.differing], [1, []]);
      const shown = await explain('call', row?.key ?? '');
      assert.deepEqual(named(shown.rows), [['calls', row?.key]]);
      assert.equal(shown.rows[0]?.events.length, 1);
    }
    assert.equal((await explain('call', 'dc00')).rows.length, 1);
  });
});

describe('./irisx explain of an event with unusable values', () => {
  it('folds it without them, and names them', async () => {
    append(
      envelope('call.completed', { call_uuid: 'c1', total_cost: '$0.05', duration_seconds: 60 }, 9),
      envelope('call.initiated', { call_uuid: 'c1', from_number: '+1' }, 0),
    );
    const [row] = (await explain('call', 'c1')).rows;
    assert.deepEqual(
      row?.events.map(({ seq, failure, warnings }) => [seq, failure, warnings]),
      [
        [1, null, ['total_cost must be an amount, got text']],
        [2, null, []],
      ],
    );
    assert.equal(row?.columns.find(({ name }) => name === 'duration_seconds')?.value, 60);
    assert.deepEqual(row?.differing, []);
    assert.match((await text('call', 'c1')).stdout, / left out: total_cost must be an amount, got text$/m);
  });

  it('leaves out an event that no table can use, with the reason', async () => {
    append(says('STOP', {}, 1), says('STOP', '+1', 2));
    const { rows } = await explain('seq', '1');
    assert.deepEqual(named(rows), [['sms_messages', 'm1']]);
    const { stdout } = await text('seq', '1');
    assert.match(
      stdout,
      /^unusable: the opt-out cannot be attributed to a number: from_number must be text/m,
    );
    assert.deepEqual(
      (await explain('contact', '+1')).rows[0]?.events.map(({ seq }) => seq),
      [2],
    );
  });
});
