/**
 * The property on which the whole design relies: any order of the same events, and any repetition of deliveries, gives
 * the same rows, failures and answers; and rows folded live equal rows folded again from the log.
 *
 * `IRISX_TEST_SEED=123` repeats one history of each kind, `IRISX_TEST_HISTORIES=50000` runs more of them.
 */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WHOLE_EVENT } from '../../src/core/event/recorded-event.ts';
import { type Answer, FoldedTwice, type Rows } from '../support/folded-twice.ts';
import { type Random, seededRandom } from '../support/random.ts';
import {
  anyBodies,
  type BodyOf,
  plausibleBodies,
  randomHistory,
  shuffledWithRetries,
} from '../support/random-histories.ts';

const HISTORIES = Number(process.env['IRISX_TEST_HISTORIES'] ?? 5_000);
/** For each of these histories in which any value may be anything, this many of plausible events. */
const PLAUSIBLE_PER_ANY = 10;
const FIRST_SEED = 20_261_124;

/** Every answer names what `failures` records for its event, each text once, sorted. */
function checkAnswers(answers: readonly Answer[], failures: Rows): void {
  const bySeq = Map.groupBy(failures, ({ seq }) => seq);
  for (const { seq, error, warnings, isWhole } of answers) {
    if (!isWhole) continue;
    const texts = (chosen: (field: unknown) => boolean) => [
      ...new Set((bySeq.get(seq) ?? []).filter(({ field }) => chosen(field)).map((each) => each['error'])),
    ];
    const expected = {
      error:
        texts((field) => field === WHOLE_EVENT)
          .toSorted()
          .join('; ') || null,
      warnings: texts((field) => field !== WHOLE_EVENT).toSorted(),
    };
    assert.deepEqual({ error, warnings }, expected, 'an answer differs from the failures');
  }
}

const live = new FoldedTwice();
const other = new FoldedTwice();

function checkHistory(seed: number, bodies: (random: Random) => BodyOf, seen: Seen): void {
  const random = seededRandom(seed);
  const deliveries = randomHistory(random, bodies(random));
  const answers = live.append(deliveries, random);
  assert.equal(live.eventCount, deliveries.length);
  live.foldAgain();
  const rebuilt = live.tables('again');
  assert.deepEqual(rebuilt, live.tables('main'), 'rebuilt differs from live');
  checkAnswers(answers, rebuilt['failures'] ?? []);
  const expected = live.meaning();
  checkAnswers(live.answersAfterRebuild(deliveries), rebuilt['failures'] ?? []);

  const outcomes = other.append(shuffledWithRetries(deliveries, random), random);
  assert.equal(other.eventCount, deliveries.length);
  assert.deepEqual(other.meaning(), expected, 'another order gives other rows');
  checkAnswers(outcomes, other.tables('main')['failures'] ?? []);
  other.foldAgain();
  assert.deepEqual(other.tables('again'), other.tables('main'), 'rebuilt differs from live');

  seen.add('repetitions', outcomes.filter(({ duplicate }) => duplicate).length);
  seen.add('histories', 1);
  seen.add('events', deliveries.length);
  seen.addTables(expected);
}

/** Counts what the histories contained. */
class Seen {
  readonly counts: Record<string, number> = {};

  add(what: string, count: number): void {
    this.counts[what] = (this.counts[what] ?? 0) + count;
  }

  addTables({ failures = [], ...tables }: Record<string, Rows>): void {
    const count = (what: string, rows: Rows, chosen: (row: Rows[number]) => boolean) =>
      this.add(what, rows.filter(chosen).length);
    const { calls = [], sms_messages: messages = [], recordings = [], contacts = [] } = tables;
    const rows = [calls, messages, recordings, contacts].flat();
    const isHidden = (row: Rows[number]) => row['stated_error_code'] !== null && row['error_code'] === null;
    this.add('rows', rows.length);
    count('unusable events', failures, ({ field }) => field === WHOLE_EVENT);
    count('unusable values', failures, ({ field }) => field !== WHOLE_EVENT);
    count('unusable ids beside usable ones', failures, ({ field }) => field === 'message_id');
    count('times after the signature', failures, ({ error }) => /after the signature/.test(String(error)));
    count('times that cannot be read', failures, ({ error }) => /RFC 2822/.test(String(error)));
    count('errors that are not shown', messages, isHidden);
    count('errors that are shown', messages, ({ error_code }) => error_code !== null);
    count('recordings by URL', recordings, ({ identified_by }) => identified_by === 'url');
    count('recordings by call', recordings, ({ identified_by }) => identified_by === 'call');
    const keys = [...calls, ...messages].map((row) => String(row['call_uuid'] ?? row['message_id']));
    this.add('long keys', keys.filter((key) => /#[0-9a-f]{64}$/.test(key)).length);
    this.add('keys without U+0000', keys.filter((key) => key.includes('\ufffd')).length);
    count('contacts', contacts, () => true);
    const isBoth = (row: Rows[number]) => row['opted_out_at_ms'] !== null && row['opted_in_at_ms'] !== null;
    count('contacts that opted out and in', contacts, isBoth);
    const tenantsOf = Map.groupBy(contacts, ({ phone_number }) => phone_number);
    this.add('numbers of several tenants', [...tenantsOf.values()].filter(({ length }) => length > 1).length);
  }
}

describe('any history of events', () => {
  const chosen = process.env['IRISX_TEST_SEED'];
  const seedsOf = (count: number) =>
    chosen === undefined ? Array.from({ length: count }, (_, n) => FIRST_SEED + n) : [Number(chosen)];

  function check(seeds: readonly number[], bodies: (random: Random) => BodyOf): Seen {
    const seen = new Seen();
    for (const seed of seeds) {
      try {
        checkHistory(seed, bodies, seen);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`IRISX_TEST_SEED=${seed}: ${reason}`, { cause: error });
      }
    }
    return seen;
  }

  it(`gives the same rows and answers in any order, repeated and rebuilt (${HISTORIES} histories)`, (t) => {
    const { counts } = check(seedsOf(HISTORIES), plausibleBodies);
    t.diagnostic(JSON.stringify(counts));
    if (chosen === undefined) checkRandomEnough(counts, PLAUSIBLE);
  });

  it('does so, too, if every value of every field is any JSON', (t) => {
    const { counts } = check(seedsOf(HISTORIES / PLAUSIBLE_PER_ANY), anyBodies);
    t.diagnostic(JSON.stringify(counts));
    if (chosen === undefined) checkRandomEnough(counts, ANY);
  });
});

/** How many there must be at least per 100 histories. */
type Least = Readonly<Record<string, number>>;

const PLAUSIBLE: Least = {
  ...{ events: 800, rows: 300, repetitions: 300, 'unusable events': 40, 'unusable values': 300 },
  'unusable ids beside usable ones': 5,
  ...{ 'times after the signature': 15, 'times that cannot be read': 50 },
  ...{ 'errors that are shown': 15, 'errors that are not shown': 3 },
  ...{ 'recordings by URL': 40, 'recordings by call': 40, 'long keys': 40, 'keys without U+0000': 30 },
  ...{ contacts: 15, 'contacts that opted out and in': 3, 'numbers of several tenants': 3 },
};
const ANY: Least = { events: 800, rows: 300, repetitions: 300, 'unusable values': 3_000 };

function checkRandomEnough(counts: Least, least: Least): void {
  const histories = counts['histories'] ?? 0;
  for (const [what, count] of Object.entries(least))
    assert.ok((100 * (counts[what] ?? 0)) / histories >= count, `too few ${what}`);
}
