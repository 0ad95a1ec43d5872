/**
 * What any engine must do, stated through its interface alone. An engine's test calls engineContract() with a way to
 * open it on an empty log.
 */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BatchResult, Engine, EngineWriter } from '../../src/core/engine/engine.ts';
import { CHAIN_GENESIS } from '../../src/core/event/chain.ts';
import type { Delivery } from '../../src/core/event/delivery.ts';
import { linkProblem } from '../../src/core/inspect/verify-log.ts';
import { BATCH_DELIVERIES_MAX, LOG_READ_EVENTS_MAX } from '../../src/core/limits.ts';
import { type PreparedDelivery, prepare, prepareUnfolded } from '../../src/core/tables/prepare.ts';
import type { Derivations, Projection } from '../../src/core/tables/projection.ts';
import { derivations as ours } from '../../src/projections/index.ts';
import { call, delivery, outcomeTexts, T0_MS, T0_S } from '../support/events.ts';
import { undoneAfterEach } from '../support/undo.ts';

const UNUSABLE_KEY = 'call_uuid must be text or a whole number from 0 to 2^53 - 1, got a list';

export interface TestLog {
  /** An engine on this log: several of them are like several processes. */
  engine(derivations?: Derivations): Engine;
  /** Closes what is left and removes the log. */
  remove(): Promise<void>;
}

interface Given {
  readonly engine: Engine;
  readonly writer: EngineWriter;
  readonly another: (derivations?: Derivations) => Engine;
  readonly append: (...deliveries: readonly Delivery[]) => Promise<BatchResult>;
}

const [CALLS] = ours.projections as readonly [Projection];
const calls = (count: number, prefix = 'c') => Array.from({ length: count }, (_, n) => call(`${prefix}${n}`));
const batchOf = (deliveries: readonly Delivery[], { projections } = ours) =>
  deliveries.map((each) => prepare(each, projections));

/** Our projections, with this one instead of the one of the same name. */
function withProjection(changed: Partial<Projection> & { readonly name: string }): Derivations {
  const projections = ours.projections.map((each) =>
    each.name === changed.name ? { ...each, ...changed } : each,
  );
  return { ...ours, projections };
}

/** @param open a new, empty log */
export function engineContract(name: string, open: () => Promise<TestLog>): void {
  const atEnd = undoneAfterEach();

  async function given(derivations: Derivations = ours): Promise<Given> {
    const log = await open();
    atEnd(() => log.remove());
    const engine = log.engine(derivations);
    await engine.create();
    const writer = await engine.openWriter();
    atEnd(() => writer.close().catch(() => {})); // unless the test has closed it
    return {
      engine,
      writer,
      another: (other = derivations) => log.engine(other),
      append: (...deliveries) => writer.append(batchOf(deliveries, derivations)),
    };
  }

  async function readerOf(engine: Engine) {
    const reader = await engine.openReader();
    atEnd(() => reader.close());
    return reader;
  }

  /** The differences between the tables and the log. */
  const differencesOf = async (engine: Engine) =>
    (await engine.check()).checks.flatMap(({ differences }) => differences);

  describe(`${name}: an empty log`, () => {
    it('has a head at seq 0, no events, and tables that reflect it', async () => {
      const { engine, writer } = await given();
      const reader = await readerOf(engine);
      assert.equal((await writer.append([])).head.seq, 0);
      assert.deepEqual(Buffer.from((await reader.head()).chain), Buffer.from(CHAIN_GENESIS));
      assert.deepEqual(await reader.stored(0), []);
      assert.deepEqual(await reader.tableProblems(), []);
      assert.equal(await reader.reflectedSeq(), 0);
      assert.equal(await reader.receivedAtMs(1), undefined);
      assert.deepEqual(await engine.consumers(), []);
    });
  });

  describe(`${name}: an append`, () => {
    it('can be read by every reader when it returns, with the exact bytes and a sound chain', async () => {
      const { engine, append, writer } = await given();
      const odd = { ...call('a'), body: Buffer.from([0x7b, 0xff, 0x00, 0x7d]), signature: null };
      const { outcomes } = await append(call('a'), odd);
      assert.deepEqual(outcomeTexts(outcomes), ['1', '2: the body is not valid UTF-8']);
      const reader = await readerOf(engine);
      const stored = await reader.stored(0);
      assert.deepEqual(
        stored.map(({ body }) => Buffer.from(body)),
        [call('a').body, odd.body].map((body) => Buffer.from(body)),
      );
      let chain = CHAIN_GENESIS;
      for (const event of stored) {
        assert.equal(linkProblem(event, chain), undefined);
        chain = event.chain;
      }
      assert.deepEqual(Buffer.from((await writer.append([])).head.chain), Buffer.from(chain));
      assert.deepEqual(Buffer.from(await reader.chainOf(2)), Buffer.from(chain));
      assert.equal(await reader.receivedAtMs(1), T0_MS + 250);
    });

    it('of one body again records it once, in one batch, in the next, and from another process', async () => {
      const { append, another } = await given();
      const first = await append(call('a'), call('a'));
      const second = await append(call('b'), call('a'));
      const other = await another().openWriter();
      atEnd(() => other.close());
      const third = await other.append(batchOf([call('b'), call('c')]));
      assert.deepEqual(
        [first, second, third].flatMap(({ outcomes }) => outcomeTexts(outcomes)),
        ['1', 'again 1', '2', 'again 1', 'again 2', '3'],
      );
    });

    it('by two processes in turn gives one sequence without gaps, and each folds what the other left', async () => {
      const { engine, append, another } = await given();
      const other = await another().openWriter();
      atEnd(() => other.close());
      for (let n = 0; n < 10; n++) {
        await append(call(`a${n}`), call('shared', 'call.ringing', { from: `+1555000${n}` }));
        await other.append(batchOf([call(`b${n}`), call('shared', 'call.ringing', { to: `+1666000${n}` })]));
      }
      const reader = await readerOf(engine);
      const seqs = (await reader.stored(0, 100)).map(({ seq }) => seq);
      assert.deepEqual(
        seqs,
        Array.from({ length: 40 }, (_, index) => index + 1),
      );
      assert.equal((await reader.row(CALLS, 'shared'))?.['event_count'], 20);
      assert.deepEqual(await differencesOf(engine), []);
    });

    it('of an empty batch changes nothing and tells the state of the tables', async () => {
      const { append } = await given();
      assert.deepEqual(await append(), {
        outcomes: [],
        head: { seq: 0, chain: CHAIN_GENESIS },
        lagging: [],
        isBehind: false,
      });
    });

    it('of a full batch keeps every row', async () => {
      const { engine, append } = await given();
      await append(...calls(BATCH_DELIVERIES_MAX));
      const reader = await readerOf(engine);
      assert.deepEqual(await reader.query('SELECT count(*) AS n FROM calls'), [{ n: BATCH_DELIVERIES_MAX }]);
    });
  });

  describe(`${name}: a failure`, () => {
    it('is recorded with its stage, is answered, and changes no row', async () => {
      const { engine, append } = await given();
      await append(call('a'));
      const bad = call('a', 'call.completed', { call_uuid: [] });
      const { outcomes } = await append(bad, delivery('[]'), call('b'));
      const reason = UNUSABLE_KEY;
      assert.deepEqual(
        outcomes.map(({ error }) => error),
        [reason, 'the body must be a JSON object, got a list', null],
      );
      const reader = await readerOf(engine);
      assert.deepEqual(await reader.failuresOf(2), [{ seq: 2, stage: 'calls', field: '', error: reason }]);
      assert.equal((await reader.failuresOf(3))[0]?.stage, 'parse');
      assert.equal((await reader.row(CALLS, 'a'))?.['status'], 'ringing');
      assert.equal((await append(bad)).outcomes[0]?.error, reason);
    });

    it('of several values of one event is one for each field, also after a rebuild of another table', async () => {
      const { engine, append } = await given();
      const bad = call('a', 'call.completed', { duration_seconds: -1, total_cost: '?' });
      const [first] = (await append(bad)).outcomes;
      const reader = await readerOf(engine);
      const failures = await reader.failuresOf(1);
      assert.deepEqual(
        failures.map(({ stage, field }) => [stage, field]),
        [
          ['calls', 'duration_seconds'],
          ['calls', 'total_cost'],
        ],
      );
      assert.equal((await reader.row(CALLS, 'a'))?.['status'], 'completed');
      assert.deepEqual(await reader.failedNaming('calls', 'a', 10), [], 'the event itself could be used');

      await engine.rebuild({ projections: engine.projections.filter(({ name }) => name === 'contacts') });
      assert.deepEqual(await reader.failuresOf(1), failures);
      const { checks } = await engine.check();
      assert.deepEqual(
        checks.flatMap((check) => check.differences),
        [],
      );
      const [again] = (await append(bad)).outcomes;
      assert.deepEqual(again, { ...first, duplicate: true });
    });

    it('of a projection that throws is a failure of that event only', async () => {
      const broken = withProjection({
        name: 'calls',
        fold: (row, event, key) => {
          if (key === 'bad') throw new TypeError('oops');
          return CALLS.fold(row, event, key);
        },
      });
      const { append } = await given(broken);
      const { outcomes } = await append(call('a'), call('bad'), call('b'));
      assert.deepEqual(
        outcomes.map(({ error }) => error),
        [null, 'the projection failed: oops', null],
      );
    });
  });

  describe(`${name}: a batch that fails`, () => {
    const refusing = withProjection({
      name: 'calls',
      generated: { checked: "TEXT GENERATED ALWAYS AS (status) VIRTUAL CHECK (status <> 'busy')" },
    });

    it('for one row that its table refuses records that failure, and keeps the others and the earlier row', async () => {
      const { engine, append } = await given(refusing);
      const { outcomes } = await append(call('a'), call('a', 'call.busy'), call('b'));
      assert.deepEqual(
        outcomes.map(({ error }) => error === null),
        [true, false, true],
      );
      const reader = await readerOf(engine);
      assert.deepEqual(await reader.query('SELECT call_uuid, status FROM calls ORDER BY call_uuid'), [
        { call_uuid: 'a', status: 'ringing' },
        { call_uuid: 'b', status: 'ringing' },
      ]);
      assert.deepEqual(
        (await reader.failuresOf(2)).map(({ stage }) => stage),
        ['calls'],
      );
    });

    it('leaves nothing of it, and the next one goes on', async () => {
      const { engine, append, writer } = await given();
      const [good, bad] = batchOf([call('a'), call('b')]) as [PreparedDelivery, PreparedDelivery];
      const broken = { ...bad, columns: { ...bad.columns, path: null as unknown as string } };
      await assert.rejects(writer.append([good, broken]));
      const reader = await readerOf(engine);
      assert.equal((await reader.head()).seq, 0);
      assert.equal(await reader.row(CALLS, 'a'), undefined);
      assert.deepEqual([await reader.failuresOf(1), await reader.failuresOf(2)], [[], []]);
      assert.equal((await append(call('a'))).outcomes[0]?.seq, 1);
    });

    it('can be appended without being folded; only a rebuild of all tables folds it', async () => {
      const { engine, writer } = await given();
      const unfolded = prepareUnfolded(call('a'), new Error('x'));
      const { outcomes } = await writer.append([unfolded, ...batchOf([call('b')])]);
      assert.match(outcomes[0]?.error ?? '', /^the receiver failed on this event/);
      const reader = await readerOf(engine);
      assert.deepEqual(await reader.unfolded(0, 2), [1]);
      assert.deepEqual(await reader.unfolded(1, 2), []);
      assert.deepEqual([await differencesOf(engine), (await engine.check()).unfolded], [[], [1]]);
      await engine.rebuild({ projections: [CALLS] });
      assert.equal((await reader.row(CALLS, 'a'))?.['status'], 'ringing');
      assert.deepEqual([await differencesOf(engine), await reader.unfolded(0, 2)], [[], []]);
    });
  });

  describe(`${name}: a writer`, () => {
    it('leaves everything to the next one when it closes, duplicates and their failures too', async () => {
      const { append, writer, another } = await given();
      const bad = call('a', 'call.completed', { call_uuid: [] });
      await append(call('a'), bad);
      assert.equal(await writer.idle(), undefined);
      await writer.probe();
      writer.drain();
      const { head, problem } = await writer.close();
      assert.deepEqual([head.seq, problem], [2, undefined]);
      const next = await another().openWriter();
      const again = await next.append(batchOf([bad, call('b')]));
      assert.deepEqual(outcomeTexts(again.outcomes), [`again 2: ${UNUSABLE_KEY}`, '3']);
      assert.equal(again.head.seq, 3);
      assert.equal((await next.close()).head.seq, 3);
    });
  });

  describe(`${name}: the storage`, () => {
    it('has a size, and no damage', async () => {
      const { engine, append } = await given();
      await append(...calls(10));
      const reader = await readerOf(engine);
      assert.deepEqual(await reader.damage(), []);
      assert.ok(((await engine.sizes()).database ?? 0) > 0);
      assert.ok(engine.location.length > 0);
    });
  });

  describe(`${name}: a reader`, () => {
    it('reads ranges in order, at most as many as asked for and as are read at once', async () => {
      const { engine, append } = await given();
      await append(...calls(LOG_READ_EVENTS_MAX + 5));
      const reader = await readerOf(engine);
      assert.equal((await reader.stored(0)).length, LOG_READ_EVENTS_MAX);
      assert.deepEqual(
        (await reader.forHandlers(3, 2)).map(({ seq, type, signedAt }) => [seq, type, signedAt]),
        [
          [4, 'call.ringing', T0_S],
          [5, 'call.ringing', T0_S],
        ],
      );
      assert.deepEqual(await reader.forHandlers(LOG_READ_EVENTS_MAX + 5, 10), []);
    });

    it('has one snapshot of the log and its tables, whatever is appended meanwhile', async () => {
      const { engine, append } = await given();
      await append(call('a'));
      const reader = await readerOf(engine);
      await reader.inSnapshot(async (snapshot) => {
        assert.equal((await snapshot.head()).seq, 1);
        await append(call('b'), call('a', 'call.completed'));
        assert.equal((await snapshot.head()).seq, 1);
        assert.equal((await snapshot.row(CALLS, 'a'))?.['status'], 'ringing');
        assert.equal(await snapshot.row(CALLS, 'b'), undefined);
      });
      assert.equal((await reader.head()).seq, 3);
      assert.equal((await reader.row(CALLS, 'a'))?.['status'], 'completed');
    });

    it('gives its snapshots one after another, and goes on after one that failed', async () => {
      const { engine } = await given();
      const reader = await readerOf(engine);
      const failing = reader.inSnapshot(async () => Promise.reject(new Error('mine')));
      const heads = [1, 2, 3].map(() => reader.inSnapshot(async (snapshot) => (await snapshot.head()).seq));
      await assert.rejects(failing, /mine/);
      assert.deepEqual(await Promise.all(heads), [0, 0, 0]);
    });

    it('notices what others commit', async () => {
      const { engine, append } = await given();
      const reader = await readerOf(engine);
      const before = await reader.version();
      assert.equal(await reader.version(), before);
      await append(call('a'));
      assert.notEqual(await reader.version(), before);
    });

    it('searches newest first by type, prefix, value and failure', async () => {
      const { engine, append } = await given();
      await append(
        call('one'),
        call('two', 'call.completed', { call_uuid: [], uuid: ['two'] }),
        call('one', 'call.busy', { direction: 5 }),
        delivery('{}'),
      );
      const reader = await readerOf(engine);
      const every = {
        from: 1,
        before: 5,
        limit: 10,
        types: undefined,
        typePrefix: undefined,
        subject: undefined,
        failedOnly: false,
      };
      const find = async (condition: object) =>
        (await reader.search({ ...every, ...condition })).map(({ seq }) => seq);
      assert.deepEqual(await find({}), [4, 3, 2, 1]);
      assert.deepEqual(await find({ types: ['call.ringing', 'call.busy'] }), [3, 1]);
      assert.deepEqual(await find({ typePrefix: 'call.' }), [3, 2, 1]);
      assert.deepEqual(await find({ subject: 'one' }), [3, 1]);
      assert.deepEqual(await find({ failedOnly: true }), [4, 3, 2]);
      assert.deepEqual(
        (await reader.search({ ...every, before: 4 })).map(({ failure, warnings }) => [failure, warnings]),
        [
          [null, ['direction must be text, got a number']],
          [UNUSABLE_KEY, []],
          [null, []],
        ],
      );
      assert.deepEqual(await find({ from: 2, before: 4, limit: 1 }), [3]);
      assert.deepEqual(await reader.naming('two', 1, 4, 10), [2]);
      assert.deepEqual(await reader.failedNaming('calls', 'two', 10), [2]);
      const stepMs = 1000;
      assert.deepEqual(await reader.countsByTime(0, 1, stepMs), [
        { step: Math.floor((T0_MS + 250) / stepMs), type: 'call.ringing', count: 1 },
      ]);
    });

    it('takes parameters in order, and refuses to write', async () => {
      const { engine, append } = await given();
      await append(call('a'), call('b'));
      const reader = await readerOf(engine);
      assert.deepEqual(
        await reader.query('SELECT call_uuid FROM calls WHERE call_uuid = ? OR 1 = ?', 'b', 2),
        [{ call_uuid: 'b' }],
      );
      await assert.rejects(reader.query('DELETE FROM calls'), { name: 'EngineError' });
      await assert.rejects(reader.query('SELECT nothing FROM nowhere'), {
        name: 'EngineError',
        kind: 'statement',
      });
      assert.equal((await reader.query('SELECT 1 AS one'))[0]?.['one'], 1);
    });

    it('shows an earlier snapshot, while the live tables go on', async () => {
      const { engine, append } = await given();
      await append(call('a'), call('a', 'call.answered'));
      await append(call('a', 'call.completed'), call('b'));
      const past = await engine.openReaderAsOf(2, () => {});
      atEnd(() => past.close());
      assert.deepEqual(await past.query('SELECT call_uuid, status FROM calls'), [
        { call_uuid: 'a', status: 'answered' },
      ]);
      assert.deepEqual(await past.query('SELECT max(seq) AS last FROM events'), [{ last: 2 }]);
    });

    it('of a log that does not exist is refused', async () => {
      const log = await open();
      atEnd(() => log.remove());
      await assert.rejects(log.engine().openReader(), { name: 'EngineError', kind: 'refused' });
    });
  });

  describe(`${name}: a table of other code`, () => {
    it('is left alone and reported, whether older or newer', async () => {
      const { engine, append, another } = await given();
      await append(call('a'));
      for (const version of [CALLS.version + 1, CALLS.version - 1]) {
        const derivations = withProjection({ name: 'calls', version });
        const other = await another(derivations).openWriter();
        const { lagging, outcomes } = await other.append(batchOf([call(`v${version}`)], derivations));
        assert.deepEqual([lagging, outcomes[0]?.error], [['calls'], null]);
        await other.close();
      }
      const reader = await readerOf(engine);
      assert.deepEqual(
        (await reader.tableProblems()).map(({ projection, kind }) => [projection.name, kind]),
        [['calls', 'behind']],
      );
      assert.equal(await reader.reflectedSeq(), 1);
      assert.deepEqual((await append(call('b'))).lagging, []);
      assert.deepEqual(await differencesOf(engine), []);
    });

    it('that is newer is never rebuilt', async () => {
      const { append, another } = await given();
      await append(call('a'));
      const older = withProjection({ name: 'calls', version: CALLS.version - 1 });
      await assert.rejects(another(older).rebuild({ projections: older.projections }), { kind: 'refused' });
    });
  });

  describe(`${name}: a rebuild`, () => {
    it('beside appends gives the rows that live folding gives, and loses none', async () => {
      const { engine, append } = await given();
      for (let n = 0; n < 20; n++) await append(...calls(100, `c${n}-`));
      let rebuilt = false;
      const rebuilding = engine.rebuild({ projections: ours.projections }).finally(() => {
        rebuilt = true;
      });
      let beside = 0;
      while (!rebuilt) {
        await append(call(`d${beside++}`), call('c0-0', 'call.completed', { duration: 5 }));
        await new Promise((resolve) => setImmediate(resolve));
      }
      const { seq, rows } = await rebuilding;
      assert.ok(beside > 0 && seq >= 2000);
      assert.ok((rows['calls'] ?? 0) >= 2000);
      await append(call('last'));
      assert.deepEqual(await differencesOf(engine), []);
      const reader = await readerOf(engine);
      assert.deepEqual(await reader.query('SELECT count(*) AS n FROM calls'), [{ n: 2000 + beside + 1 }]);
    });

    it('shows changed columns, and is done by one process at a time', async () => {
      const { append, another } = await given();
      await append(call('a'));
      const derivations = withProjection({
        name: 'calls',
        version: CALLS.version + 1,
        columns: [...CALLS.columns, { name: 'added', kind: 'TEXT', isNullable: true }],
        fold: (row, event, key) => ({ ...CALLS.fold(row, event, key), added: `x${event.seq}` }),
      });
      const engine = another(derivations);
      const [first, second] = await Promise.allSettled([
        engine.rebuild({ projections: derivations.projections }),
        engine.rebuild({ projections: derivations.projections }),
      ]);
      assert.equal(first.status, 'fulfilled');
      assert.equal(second.status === 'rejected' && second.reason.kind, 'under-way');
      const reader = await readerOf(engine);
      assert.deepEqual(await reader.query('SELECT added FROM calls'), [{ added: 'x1' }]);
      assert.deepEqual(await differencesOf(engine), []);
    });
  });

  describe(`${name}: a comparison`, () => {
    it('finds rows that no event explains, and passes when they are rebuilt', async () => {
      const { another, append } = await given(
        withProjection({
          name: 'calls',
          fold: (row, event, key) => ({ ...CALLS.fold(row, event, key), tenant_id: 'wrong' }),
        }),
      );
      await append(call('a'), call('b'));
      const engine = another(ours);
      assert.deepEqual((await differencesOf(engine)).length, 2);
      await engine.rebuild({ projections: ours.projections });
      assert.deepEqual(await differencesOf(engine), []);
    });
  });

  describe(`${name}: the state of consumers`, () => {
    const failed = (seq: number, nextAtMs: number | null = 1000) =>
      ({ consumer: 'c', seq, attempts: 1, error: 'x', failedAtMs: 500, nextAtMs, subject: null }) as const;

    async function runsAt(seq: number) {
      const { engine } = await given();
      const runs = await engine.openRuns();
      atEnd(() => runs.close());
      await runs.moveTo('c', seq, Buffer.alloc(32, 1));
      const position = await runs.consumer('c');
      assert.ok(position !== undefined);
      return { engine, runs, position };
    }

    it('keeps positions and unfinished events, and is shown without being opened', async () => {
      const { engine } = await given();
      const runs = await engine.openRuns();
      atEnd(() => runs.close());
      assert.equal(await runs.consumer('c'), undefined);
      const chain = Buffer.alloc(32, 1);
      await runs.moveTo('c', 0, Buffer.alloc(0));
      const position = await runs.consumer('c');
      assert.ok(position !== undefined);
      const changes = {
        position: { ...position, seq: 4, chain },
        unfinished: [failed(2), failed(3, null)],
        done: [],
      };
      assert.equal(await runs.write('c', changes), true);
      assert.deepEqual(
        (await runs.due('c', 1000, 10)).map(({ seq }) => seq),
        [2],
      );
      assert.deepEqual(await runs.due('c', 999, 10), []);
      assert.equal(await runs.nextAtMs('c', 999), 1000);
      const [consumer] = await engine.consumers();
      assert.deepEqual([consumer?.seq, consumer?.waiting, consumer?.dead], [4, 1, 1]);
    });

    it('drops results of runs that a person has overtaken', async () => {
      const { runs, position } = await runsAt(9);
      await runs.moveTo('c', 4, Buffer.alloc(32, 2));
      assert.equal(
        await runs.write('c', {
          position: { ...position, seq: 12 },
          unfinished: [failed(3), failed(11)],
          done: [],
        }),
        false,
      );
      assert.equal((await runs.consumer('c'))?.seq, 4);
      assert.deepEqual(
        (await runs.failed(10)).map(({ seq }) => seq),
        [3],
      );
    });

    it('has unfinished events that a person retries, skips or leaves', async () => {
      const { runs, position } = await runsAt(9);
      await runs.write('c', {
        position,
        unfinished: [failed(1, null), failed(2, null), failed(3)],
        done: [],
      });
      assert.equal(await runs.retry([1, 7], 2000), 1);
      assert.deepEqual((await runs.unfinishedAfter('c', 0, 1))[0], { ...failed(1, 2000), attempts: 0 });
      assert.equal(await runs.retry(undefined, 3000), 3);
      assert.equal(await runs.skip([2, 4]), 1);
      assert.deepEqual(
        (await runs.unfinishedAfter('c', 0)).map(({ seq }) => seq),
        [1, 3],
      );
      await runs.write('c', { position, unfinished: [], done: [{ seq: 1, subject: null }] });
      await runs.forgetAfter('c', 2);
      assert.deepEqual(await runs.failed(10), []);
    });

    it('has one run at a time of each subject due: the earliest that is not dead', async () => {
      const { runs, position } = await runsAt(9);
      const of = (subject: string | null, seq: number, nextAtMs: number | null = 1000) => ({
        ...failed(seq, nextAtMs),
        subject,
      });
      const due = async () => (await runs.due('c', 1000, 10)).map(({ seq }) => seq).sort();
      const counts = async () => {
        const state = await runs.consumer('c');
        return [state?.waiting, state?.blocked, state?.dead];
      };
      const stored = [of('a', 1), of('a', 2), of('b', 3), of('a', 4), of(null, 5), of(null, 6), of('b', 7)];
      await runs.write('c', { position, unfinished: stored, done: [] });
      assert.deepEqual(await due(), [1, 3, 5, 6]);
      assert.deepEqual(await counts(), [4, 3, 0]);
      assert.deepEqual(
        (await runs.failed(10)).map(({ seq, blocks }) => [seq, blocks]),
        [
          [1, 2],
          [3, 1],
          [5, 0],
          [6, 0],
        ],
      );
      assert.equal(await runs.isBlocked('c', { seq: 8, subject: 'a' }), true);
      assert.equal(await runs.isBlocked('c', { seq: 1, subject: 'a' }), false, 'only by earlier ones');
      assert.equal(await runs.isBlocked('c', { seq: 8, subject: null }), false);
      assert.equal(await runs.isBlocked('d', { seq: 8, subject: 'a' }), false);
      await runs.write('c', { position, unfinished: [of('a', 1, null)], done: [{ seq: 3, subject: 'b' }] });
      assert.deepEqual(await due(), [2, 5, 6, 7], 'the next of each subject');
      assert.deepEqual(await counts(), [4, 1, 1]);
      assert.equal(await runs.retry([1, 4], 1000), 1, 'a blocked event is not retried');
      assert.deepEqual(await due(), [1, 5, 6, 7], 'a dead event that is retried blocks the later ones again');
      assert.equal(await runs.skip([1]), 1);
      assert.deepEqual(await due(), [2, 5, 6, 7]);
      await runs.resume('c', { seq: 9, chain: Buffer.alloc(32, 9) }, 900);
      assert.deepEqual(await counts(), [0, 0, 5]);
      assert.equal(await runs.retry(undefined, 1000), 5);
      assert.deepEqual(await due(), [2, 5, 6, 7]);
      assert.deepEqual(await counts(), [4, 1, 0]);
      assert.equal(await runs.nextAtMs('c', 999), 1000);
    });

    it('knows who runs, and lets one that was away go on from where a person wants', async () => {
      const { engine, runs, position } = await runsAt(1);
      await runs.setState('c', 'running', 700);
      const before = await runs.version();
      assert.deepEqual(
        [(await runs.consumer('c'))?.state, (await runs.consumer('c'))?.ranAtMs, await runs.consumer('d')],
        ['running', 700, undefined],
      );
      const other = await engine.openRuns();
      atEnd(() => other.close());
      await other.takeOver();
      assert.notEqual(await runs.version(), before);
      assert.equal((await runs.consumer('c'))?.state, 'stopped');
      await runs.write('c', { position, unfinished: [failed(1)], done: [] });
      await runs.resume('c', { seq: 5, chain: Buffer.alloc(32, 5) }, 900);
      assert.deepEqual([(await runs.consumer('c'))?.seq, (await runs.consumer('c'))?.dead], [5, 1]);
    });

    it('is led by one process at a time', async () => {
      const { engine, another } = await given();
      const release = await engine.leadRuns();
      assert.ok(release !== undefined);
      assert.equal(await another().leadRuns(), undefined);
      await release();
      const next = await another().leadRuns();
      assert.ok(next !== undefined);
      await next();
    });
  });
}
