import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CALL_UUID, FieldError } from '../../../src/core/event/field-kinds.ts';
import { type FoldingEvent, fold, keysOf, type RowsBefore } from '../../../src/core/tables/fold.ts';
import { prepare, prepareUnfolded } from '../../../src/core/tables/prepare.ts';
import type { Projection, Row } from '../../../src/core/tables/projection.ts';
import { derivations } from '../../../src/projections/index.ts';
import { delivery, T0_S } from '../../support/events.ts';

/** Counts events by call; what it does with one comes from the test. */
function counting(name: string, of = (before: number, _seq: number): unknown => before + 1): Projection {
  return {
    name,
    version: 1,
    key: 'call_uuid',
    columns: [
      { name: 'call_uuid', kind: 'TEXT', isNullable: false },
      { name: 'n', kind: 'INTEGER', isNullable: false },
    ],
    keyOf: ({ fields }) => fields.get(CALL_UUID),
    fold: (row, { seq }, key) => ({ call_uuid: key, n: of(Number(row?.['n'] ?? 0), seq) as number }),
  };
}

/** Events about these calls, with seq 1, 2, 3, … */
function eventsOf(projections: readonly Projection[], ...ids: readonly unknown[]): FoldingEvent[] {
  return ids.map((id, index) => ({
    seq: index + 1,
    prepared: prepare(
      delivery({ event: 'call.ringing', timestamp: T0_S, data: { call_uuid: id } }),
      projections,
    ).event,
  }));
}

const rowsBefore = (...entries: readonly (readonly [Projection, Record<string, Row>])[]): RowsBefore =>
  new Map(
    entries.map(([{ name }, rows]) => [name, { rows: new Map(Object.entries(rows)), unreadable: new Map() }]),
  );

/** Without the events, for comparison. */
const changesOf = (folded: ReturnType<typeof fold>, projection: Projection) =>
  [...(folded.tables.get(projection.name)?.changed.values() ?? [])].map(({ key, before, row }) => ({
    key,
    before,
    row,
  }));

describe('a fold, without a database', () => {
  it('folds two events of one subject into one row, one after the other', () => {
    const calls = counting('calls');
    const folded = fold(eventsOf([calls], 'a', 'b', 'a'), rowsBefore([calls, {}]));
    assert.deepEqual(changesOf(folded, calls), [
      { key: 'a', before: undefined, row: { call_uuid: 'a', n: 2 } },
      { key: 'b', before: undefined, row: { call_uuid: 'b', n: 1 } },
    ]);
    assert.deepEqual(
      [...(folded.tables.get('calls')?.changed.values() ?? [])].map(({ seqs }) => seqs),
      [[1, 3], [2]],
    );
    assert.deepEqual(folded.failures, []);
  });

  it('starts from the rows that it is given, and does not change them', () => {
    const calls = counting('calls');
    const before = Object.freeze({ call_uuid: 'a', n: 40 });
    const folded = fold(eventsOf([calls], 'a', 'a'), rowsBefore([calls, { a: before }]));
    assert.deepEqual(changesOf(folded, calls), [{ key: 'a', before, row: { call_uuid: 'a', n: 42 } }]);
  });

  it('records a projection that throws on one event as a failure of that event and projection', () => {
    const calls = counting('calls');
    const picky = counting('picky', (before, seq) => {
      if (seq === 2) throw new TypeError('oops');
      if (seq === 3) throw new FieldError('n is odd');
      return before + 1;
    });
    const rows = rowsBefore([calls, {}], [picky, {}]);
    const folded = fold(eventsOf([calls, picky], 'a', 'a', 'a', 'a'), rows);
    assert.deepEqual(changesOf(folded, calls)[0]?.row, { call_uuid: 'a', n: 4 });
    assert.deepEqual(changesOf(folded, picky)[0]?.row, { call_uuid: 'a', n: 2 });
    assert.deepEqual(folded.failures, [
      { seq: 2, stage: 'picky', field: '', error: 'the projection failed: oops' },
      { seq: 3, stage: 'picky', field: '', error: 'n is odd' },
    ]);
  });

  it('changes nothing for an event whose row would not fit its columns', () => {
    const strict = counting('strict', (before, seq) => (seq === 1 ? 'text' : before + 1));
    const folded = fold(eventsOf([strict], 'a', 'b'), rowsBefore([strict, {}]));
    assert.deepEqual(
      changesOf(folded, strict).map(({ key }) => key),
      ['b'],
    );
    assert.match(folded.failures[0]?.error ?? '', /^the projection failed: the column n is INTEGER/);
  });

  it('records events whose row could not be read as failures of that table alone', () => {
    const [calls, other] = [counting('calls'), counting('other')];
    const before = new Map([
      ['calls', { rows: new Map(), unreadable: new Map([['a', 'no such column']]) }],
      ['other', { rows: new Map(), unreadable: new Map() }],
    ]);
    const folded = fold(eventsOf([calls, other], 'a', 'b'), before);
    assert.deepEqual(folded.failures, [{ seq: 1, stage: 'calls', field: '', error: 'no such column' }]);
    assert.deepEqual(
      [calls, other].map((projection) => changesOf(folded, projection).map(({ key }) => key)),
      [['b'], ['a', 'b']],
    );
  });

  it('records a key that is not text as a failure of that event and projection', () => {
    const calls = { ...counting('calls'), keyOf: () => 7 as unknown as string };
    const folded = fold(eventsOf([calls], 'a'), rowsBefore([calls, {}]));
    assert.deepEqual(folded.failures, [
      {
        seq: 1,
        stage: 'calls',
        field: '',
        error: 'the projection failed: the key must be text, got a number',
      },
    ]);
  });

  it('leaves out tables that are not among the rows, and their failures', () => {
    const calls = counting('calls');
    const lagging = counting('lagging', () => {
      throw new Error('never called');
    });
    const folded = fold(eventsOf([calls, lagging], 'a'), rowsBefore([calls, {}]));
    assert.deepEqual([...folded.tables.keys()], ['calls']);
    assert.deepEqual(folded.failures, []);
  });

  it('records an event without a usable key, an unreadable one and an unfolded one once each', () => {
    const keyed: Projection = {
      ...counting('keyed'),
      keyOf: ({ fields }) => fields.required(CALL_UUID),
    };
    const unreadable = prepare(delivery('not JSON'), [keyed]).event;
    const unfolded = prepareUnfolded(delivery('{}'), new Error('x')).event;
    const events = [
      ...eventsOf([keyed], {}),
      { seq: 2, prepared: unreadable },
      { seq: 3, prepared: unfolded },
    ];
    assert.deepEqual(fold(events, rowsBefore([keyed, {}])).failures, [
      {
        seq: 1,
        stage: 'keyed',
        field: '',
        error: 'call_uuid must be text or a whole number from 0 to 2^53 - 1, got an object',
      },
      { seq: 2, stage: 'parse', field: '', error: 'the body is not valid JSON' },
      { seq: 3, stage: 'writer', field: '', error: 'the receiver failed on this event (Error)' },
    ]);
  });

  it('names the rows that must be loaded before it', () => {
    const { projections } = derivations;
    const batch = [
      { event: 'sms.received', data: { message_id: 'm', from: '+1', body: 'STOP' } },
      { event: 'call.ringing', data: { call_uuid: 'c' } },
      { event: 'call.dtmf', data: { call_uuid: 'c' } },
    ].map((body) => ({ seq: 1, prepared: prepare(delivery(body), projections).event }));
    assert.deepEqual(
      [...keysOf(batch)],
      [
        ['sms_messages', ['m']],
        ['contacts', ['*\u001f+1']],
        ['calls', ['c']],
      ],
    );
  });
});
