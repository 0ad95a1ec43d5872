import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { EngineError, engineFault } from '../../../src/core/engine-error.ts';
import type { Delivery, Outcome } from '../../../src/core/event/delivery.ts';
import type { PreparedDelivery } from '../../../src/core/tables/prepare.ts';
import { appendHalving } from '../../../src/core/writer/append-halving.ts';
import { checkTables } from '../../../src/engines/sqlite/rebuild/compare.ts';
import { rebuild } from '../../../src/engines/sqlite/rebuild/rebuild.ts';
import { calls } from '../../../src/projections/calls.ts';
import { derivations } from '../../../src/projections/index.ts';
import {
  changeFile,
  compareTables,
  failBatches,
  openTestDatabase,
  type TestAppender,
  type TestDatabase,
} from '../../support/database.ts';
import { call, delivery } from '../../support/events.ts';
import { IRISX_PROGRAM } from '../../support/program.ts';
import { undoneAfterEach } from '../../support/undo.ts';

const atEnd = undoneAfterEach();

function given(): TestDatabase {
  const each = openTestDatabase();
  atEnd(each.close);
  return each;
}

const halve = ({ writer }: Pick<TestAppender, 'writer'>, batch: readonly Delivery[]) =>
  appendHalving(writer, batch, derivations.projections);
const unreadable = (text: string) => delivery(`not JSON: ${text}`);

/** An outcome in one word. */
const wordOf = (outcome: Outcome) =>
  outcome.kind === 'refused' ? outcome.reason : outcome.error === null ? 'folded' : outcome.error;

describe('a batch that fails for a reason other than storage', () => {
  const CANNOT_FOLD = failBatches('parse');
  const CANNOT_APPEND = `CREATE TRIGGER cannot_append BEFORE INSERT ON events WHEN NEW.type = 'sms.poison'
    BEGIN SELECT RAISE(ABORT, 'a worse defect'); END`;
  const UNFOLDED = 'the receiver failed on this event (SQLITE_CONSTRAINT_TRIGGER)';
  const poison = () => delivery({ event: 'sms.poison', data: { message_id: 'p' } });

  for (const at of [0, 1, 5, 6])
    it(`affects only the rows of the delivery that causes it (index ${at} of 7)`, async () => {
      const { appender, database, rows } = given();
      database.exec(CANNOT_FOLD);
      const batch = Array.from({ length: 7 }, (_, n) => (n === at ? unreadable('x') : call(`c${n}`)));
      const { outcomes, fault, defects, tables } = await halve(appender, batch);
      assert.deepEqual(
        outcomes.map(wordOf),
        batch.map((_, n) => (n === at ? UNFOLDED : 'folded')),
      );
      assert.deepEqual(
        outcomes.map((outcome) => outcome.kind === 'recorded' && outcome.seq),
        [1, 2, 3, 4, 5, 6, 7],
      );
      assert.equal(fault, undefined);
      assert.deepEqual(defects, [
        `seq ${at + 1} was recorded, but could not be folded: a defect (SQLITE_CONSTRAINT_TRIGGER)`,
      ]);
      assert.deepEqual(tables?.lagging, []);
      assert.deepEqual(rows('SELECT seq, stage, field, error FROM failures'), [
        { seq: at + 1, stage: 'writer', field: '', error: UNFOLDED },
      ]);
      assert.equal(rows('SELECT * FROM calls').length, 6);
    });

  it('leaves each of several causes without rows, and their copies are duplicates with the same error', async () => {
    const { appender, database } = given();
    database.exec(CANNOT_FOLD);
    const [one, other] = [unreadable('one'), unreadable('other')];
    const { outcomes } = await halve(appender, [one, call('a'), other, one, call('b')]);
    assert.deepEqual(outcomes.map(wordOf), [UNFOLDED, 'folded', UNFOLDED, UNFOLDED, 'folded']);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.kind === 'recorded' && [outcome.seq, outcome.duplicate]),
      [
        [1, false],
        [2, false],
        [3, false],
        [1, true],
        [4, false],
      ],
    );
  });

  it('refuses only the delivery that causes it, if that cannot be appended either', async () => {
    const { appender, database, rows } = given();
    database.exec(CANNOT_APPEND);
    const { outcomes, defects, fault } = await halve(appender, [call('a'), poison(), call('b')]);
    assert.deepEqual(outcomes.map(wordOf), ['folded', 'storage_failed', 'folded']);
    assert.equal(fault, undefined);
    assert.match(defects.join(), /answered with 503: a worse defect/);
    assert.deepEqual(rows('SELECT seq, type FROM events'), [
      { seq: 1, type: 'call.ringing' },
      { seq: 2, type: 'call.ringing' },
    ]);
  });

  it('refuses all remaining deliveries once storage is full, without trying them', async () => {
    const { appender, database, rows } = given();
    database.exec(CANNOT_APPEND);
    database.pragma('cache_size = 10');
    const pages = Number(database.pragma('page_count', { simple: true }));
    database.pragma(`max_page_count = ${pages + 40}`);
    const large = (id: string) => call(id, 'call.ringing', { from: 'f'.repeat(120_000) });
    const batch = [call('a'), poison(), large('b'), large('c'), call('d'), call('e')];
    let full = 0;
    const counting = {
      async append(prepared: readonly PreparedDelivery[]) {
        try {
          return await appender.writer.append(prepared);
        } catch (error) {
          if (engineFault(error) === 'full') full += 1;
          throw error;
        }
      },
    };
    const { outcomes, fault } = await appendHalving(counting, batch, derivations.projections);
    assert.equal(full, 1, 'nothing is tried after that');
    assert.equal(fault?.kind, 'full');
    const words = outcomes.map(wordOf);
    const firstRefused = words.indexOf('storage_full');
    assert.ok(firstRefused > 0, words.join());
    assert.deepEqual(words.slice(firstRefused), Array(words.length - firstRefused).fill('storage_full'));
    assert.deepEqual(words.slice(0, 2), ['folded', 'storage_failed']);
    assert.equal(rows('SELECT seq FROM events').length, firstRefused - 1);
  });

  for (const [kind, reason] of [
    ['full', 'storage_full'],
    ['busy', 'storage_busy'],
    ['unavailable', 'storage_failed'],
    ['unknown', 'storage_failed'],
  ] as const)
    it(`is not halved if the storage is ${kind}: all are refused after one attempt`, async () => {
      let attempts = 0;
      const writer = {
        async append(): Promise<never> {
          attempts += 1;
          throw new EngineError(kind, 'a fault');
        },
      };
      const batch = Array.from({ length: 64 }, (_, n) => call(`c${n}`));
      const { outcomes, fault, defects } = await appendHalving(writer, batch, derivations.projections);
      assert.deepEqual([attempts, fault, defects], [1, { kind, text: 'a fault' }, []]);
      assert.deepEqual(outcomes.map(wordOf), Array(64).fill(reason));
    });

  it('ends at once if the storage is lost', async () => {
    const writer = { append: () => Promise.reject(new EngineError('lost', 'a failed fsync')) };
    await assert.rejects(appendHalving(writer, [call('a'), call('b')], derivations.projections), {
      kind: 'lost',
    });
  });

  it('throws if it fails without any delivery', async () => {
    const { appender, database } = given();
    database.exec('DROP TABLE projections');
    await assert.rejects(halve(appender, []), /no such table/);
  });
});

describe('an event that was recorded unfolded', () => {
  async function recorded() {
    const each = given();
    // `failures` rejects the row, so the batch fails, until the trigger is dropped.
    each.database.exec(failBatches('calls'));
    const bad = call('bad', 'call.ringing', { from_number: ['a', 'list'] });
    await halve(each.appender, [call('a'), bad, call('b')]);
    each.database.exec('DROP TRIGGER failing');
    return each;
  }
  const rebuildNow = (path: string, projections = derivations.projections) =>
    rebuild(path, derivations, { projections });

  it('does not count as a difference in a comparison, which lists it separately', async () => {
    const { path } = await recorded();
    assert.deepEqual(compareTables(path), { differences: [], unfolded: [2] });
  });

  for (const names of [['calls'], ['contacts'], derivations.projections.map(({ name }) => name)])
    it(`is folded by a rebuild of ${names.join(', ')}`, async () => {
      const { path, rows } = await recorded();
      await rebuildNow(
        path,
        derivations.projections.filter(({ name }) => names.includes(name)),
      );
      assert.deepEqual(
        rows('SELECT seq, stage FROM failures').map(({ seq, stage }) => [seq, stage]),
        [[2, 'calls']],
      );
      assert.deepEqual(compareTables(path), { differences: [], unfolded: [] });
    });
});

describe('a table that is brought up to date', () => {
  const VERSION = calls.version;
  const LAG = (version: number) => `UPDATE projections SET version = ${version} WHERE name = 'calls'`;
  const unusable = (id: string) => call(id, 'call.ringing', { from_number: ['a', 'list'] });

  it('leaves out what was not folded, as the other tables did', async () => {
    const { appender, database, path } = given();
    changeFile(path, LAG(99));
    appender.append([call('a')]);
    database.exec(failBatches('parse'));
    await halve(appender, [unreadable('x'), call('b')]);
    database.exec('DROP TRIGGER failing');
    changeFile(path, LAG(VERSION));
    assert.deepEqual(appender.append([call('c')]).lagging, []);
    assert.deepEqual(compareTables(path), { differences: [], unfolded: [2] });
  });

  it('stays behind if that fails, and costs no delivery', async () => {
    const { appender, path, rows } = given();
    changeFile(path, LAG(99));
    appender.append([call('a'), unusable('bad')]);
    changeFile(path, failBatches('calls'));
    changeFile(path, LAG(VERSION));
    const { outcomes, tables } = await halve(appender, [call('b'), call('c')]);
    assert.deepEqual(outcomes.map(wordOf), ['folded', 'folded']);
    assert.deepEqual(tables?.lagging, ['calls']);
    assert.match(tables?.defect ?? '', /^the table calls cannot be brought up to date: a defect/);
    assert.deepEqual(rows('SELECT * FROM calls'), []);
    assert.equal(appender.append([call('d')]).defect, undefined, 'it is reported once');
    changeFile(path, 'DROP TRIGGER failing');
    assert.deepEqual(appender.append([]).lagging, []);
    assert.equal(rows('SELECT * FROM calls').length, 5);
    assert.deepEqual(compareTables(path).differences, []);
  });
});

it('a rebuild beside a table of newer code leaves unfolded events to newer code', async () => {
  const { appender, database, path, rows } = given();
  database.exec(failBatches('parse'));
  await halve(appender, [call('a'), unreadable('x')]);
  database.exec('DROP TRIGGER failing');
  database.exec("UPDATE projections SET version = 99 WHERE name = 'contacts'");
  await rebuild(path, derivations, { projections: [calls] });
  assert.deepEqual(rows('SELECT seq, stage FROM failures'), [{ seq: 2, stage: 'writer' }]);
  const { checks, unfolded } = checkTables(path, derivations);
  assert.deepEqual(unfolded, [2]);
  assert.deepEqual(
    checks.filter(({ differenceCount }) => differenceCount > 0).map(({ name }) => name),
    ['contacts'],
  );
});

it('a comparison beside a rebuild that folds what was left out starts again', async () => {
  const { appender, database, path } = given();
  database.exec(failBatches('calls'));
  await halve(appender, [call('a'), call('bad', 'call.ringing', { from_number: ['a', 'list'] })]);
  database.exec('DROP TRIGGER failing');
  for (let piece = 0; piece < 6; piece++)
    appender.append(Array.from({ length: 1000 }, (_, n) => call(`c${piece}-${n}`)));
  let isRebuilt = false;
  const { differences, unfolded } = compareTables(path, () => {
    if (isRebuilt) return;
    isRebuilt = true;
    const env = { PATH: process.env['PATH'] ?? '', DATABASE_URL: `file:${path}` };
    const { status, stderr } = spawnSync(process.execPath, [...IRISX_PROGRAM, 'rebuild'], { env });
    assert.equal(status, 0, String(stderr));
  });
  assert.ok(isRebuilt);
  assert.deepEqual([differences, unfolded], [[], []]);
});
