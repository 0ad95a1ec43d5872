import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CHAIN_GENESIS, chainLink } from '../../../src/core/event/chain.ts';
import type { Delivery } from '../../../src/core/event/delivery.ts';
import type { Head } from '../../../src/core/event/recorded-event.ts';
import { append, type KnownEvent } from '../../../src/core/tables/append.ts';
import { prepare, prepareUnfolded } from '../../../src/core/tables/prepare.ts';
import { derivations } from '../../../src/projections/index.ts';
import { call, delivery, T0_MS } from '../../support/events.ts';

const EMPTY: Head = { seq: 0, chain: CHAIN_GENESIS };
const prepared = (each: Delivery) => prepare(each, derivations.projections);
const appended = (
  batch: readonly Delivery[],
  head = EMPTY,
  known: readonly (KnownEvent | undefined)[] = [],
) => append(batch.map(prepared), head, known);

describe('a batch, planned without a database', () => {
  it('continues the sequence and the chain of the head that it is given', () => {
    const head = { seq: 41, chain: new Uint8Array(32).fill(7) };
    const { events, head: last } = appended([call('a'), call('b')], head);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      [42, 43],
    );
    const [first, second] = events.map(({ stored }) => stored);
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual(first.chain, chainLink(head.chain, first));
    assert.deepEqual(second.chain, chainLink(first.chain, second));
    assert.deepEqual(last, { seq: 43, chain: second.chain });
    assert.equal(first.body_time_ms, T0_MS);
  });

  it('leaves the head as it is if there is nothing to append', () => {
    assert.deepEqual(appended([]).head, EMPTY);
    const known = { seq: 7, type: 'call.ringing', event_header: null, failures: [] };
    assert.deepEqual(appended([call('a')], { seq: 9, chain: CHAIN_GENESIS }, [known]).head.seq, 9);
  });

  it('finds duplicates within it: the copies get the seq, the type and the errors of the first', () => {
    const bare = (eventHeader: string | null) => delivery('{"call_uuid":"a"}', { eventHeader });
    const { events, outcomes } = appended([
      bare('call.ringing'),
      call('b'),
      bare('call.completed'),
      bare(null),
    ]);
    assert.equal(events.length, 2);
    assert.deepEqual(
      outcomes([{ seq: 1, stage: 'calls', field: '', error: 'a reason' }]).map((outcome) => [
        outcome.seq,
        outcome.duplicate,
        outcome.type,
        outcome.error,
        outcome.otherEventHeader,
      ]),
      [
        [1, false, 'call.ringing', 'a reason', false],
        [2, false, 'call.ringing', null, false],
        [1, true, 'call.ringing', 'a reason', true],
        [1, true, 'call.ringing', 'a reason', true],
      ],
    );
  });

  it('answers what the log has already with what the log says of it', () => {
    const failures = ['b', 'a', 'b'].map((error, index) => ({
      seq: 3,
      stage: `stage ${index}`,
      field: '',
      error,
    }));
    const known = { seq: 3, type: 'call.busy', event_header: 'call.busy', failures };
    const { events, outcomes } = appended([call('a'), call('b')], { seq: 8, chain: CHAIN_GENESIS }, [known]);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      [9],
    );
    assert.deepEqual(outcomes([]).at(0), {
      kind: 'recorded',
      seq: 3,
      duplicate: true,
      type: 'call.busy',
      error: 'a; b',
      warnings: [],
      otherEventHeader: true,
    });
  });

  it('answers with warnings for values that were left out, sorted and each once', () => {
    const failures = ['z', 'a', 'z'].map((error, index) => ({
      seq: 1,
      stage: `stage ${index}`,
      field: 'duration_seconds',
      error,
    }));
    const whole = { seq: 2, stage: 'calls', field: '', error: 'x' };
    const found = appended([call('a'), call('b')]).outcomes([...failures, whole]);
    assert.deepEqual(
      found.map(({ error, warnings }) => [error, warnings]),
      [
        [null, ['a', 'z']],
        ['x', []],
      ],
    );
  });

  it('joins several failures of one event, each reason once', () => {
    const failures = ['z', 'a', 'z'].map((error, index) => ({
      seq: 1,
      stage: `stage ${index}`,
      field: '',
      error,
    }));
    assert.equal(appended([call('a')]).outcomes(failures)[0]?.error, 'a; z');
  });
});

describe('a delivery prepared without being folded', () => {
  it('has every column of the log, and a failure that quotes nothing', () => {
    const defect = Object.assign(new Error('text of the delivery'), { code: 'E_DEFECT' });
    const unfolded = prepareUnfolded(call('a'), defect);
    const { event, columns } = unfolded;
    const { event: folded, columns: expected } = prepared(call('a'));
    assert.deepEqual(columns, expected);
    assert.equal(folded.rows.length, 1);
    assert.deepEqual(event, {
      failures: [{ stage: 'writer', field: '', error: 'the receiver failed on this event (E_DEFECT)' }],
      content: undefined,
      rows: [],
    });
  });
});
