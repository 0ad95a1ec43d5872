/** C20b: any JSON in any field, through the writer's own code into real tables. */

import assert from 'node:assert/strict';
import type { Delivery } from '../../src/core/event/delivery.ts';
import { interpret, readBody } from '../../src/core/event/event.ts';
import { SPELLINGS_WITH_TABLE } from '../../src/core/event/event-types.ts';
import { compareTables, openTestDatabase } from '../support/database.ts';
import { delivery, T0_S } from '../support/events.ts';
import type { Random } from '../support/random.ts';
import { FIELD_REASON, PARSE_REASON, randomBody, randomObject } from '../support/random-bodies.ts';
import { randomJson } from '../support/random-values.ts';
import { fault } from './support/fault.ts';

const EVENTS = 30_000;
const BATCH = 100;
const SUBJECTS = Array.from({ length: 300 }, (_, index) => `s${index}`);

/** The tables in which each event of a family counts once, with the type prefix of that family. */
const TABLES = { calls: 'call.', sms_messages: 'sms.', recordings: 'recording.' } as const;

function anyDelivery(random: Random): Delivery {
  const signedAt = T0_S + random.below(3);
  if (random.chance(0.5)) {
    const { body, eventHeader } = randomBody(random, SUBJECTS);
    return delivery(body, { eventHeader, signedAt });
  }
  const type = random.pick(SPELLINGS_WITH_TABLE);
  const subject = JSON.stringify(random.pick(SUBJECTS));
  const ids = `"call_uuid":${subject},"message_id":${subject},"recording_id":${subject}`;
  const data = randomObject(random).replace('{', random.chance(0.7) ? `{${ids},` : '{');
  const timestamp = random.chance(0.5) ? T0_S : randomJson(random);
  const body = random.pick([
    `{"event":"${type}","timestamp":${timestamp},"data":${data.replace(/,}$/, '}')}}`,
    `{"event":"${type}","data":${randomJson(random)}}`,
    data.replace(/,}$/, '}'),
    data.slice(0, random.below(data.length)),
  ]);
  return delivery(body, { eventHeader: random.chance(0.7) ? type : null, signedAt });
}

/** Seen to fail with foldEvent() of core/fold-event.ts throwing a FieldError on: `a batch that could not be appended`. */
fault(
  'C20b',
  'any JSON in any field of any event gives a row or a failure that names the field, and so does a rebuild',
  [],
  async ({ random, seed, after, report }) => {
    const { path, appender, rows, close } = openTestDatabase();
    after(close);
    const expected: Record<keyof typeof TABLES, number> = { calls: 0, sms_messages: 0, recordings: 0 };
    let recorded = 0;
    for (let sent = 0; sent < EVENTS; sent += BATCH) {
      const batch = Array.from({ length: BATCH }, () => anyDelivery(random));
      let outcomes: ReturnType<typeof appender.append>['outcomes'];
      try {
        outcomes = appender.append(batch).outcomes;
      } catch (error) {
        const bodies = batch.map(({ body }) => Buffer.from(body).toString()).join('\n');
        throw new Error(`seed ${seed}, a batch that could not be appended:\n${bodies}`, { cause: error });
      }
      for (const [index, { duplicate }] of outcomes.entries()) {
        const { body, eventHeader, signedAt } = batch[index] as Delivery;
        if (duplicate) continue;
        recorded += 1;
        const meaning = interpret(readBody(body, eventHeader), signedAt);
        if (meaning.kind !== 'event') continue;
        for (const [table, start] of Object.entries(TABLES))
          if (meaning.event.tabled?.startsWith(start)) expected[table as keyof typeof TABLES] += 1;
      }
    }

    assert.deepEqual(rows('SELECT count(*) AS n FROM events'), [{ n: recorded }]);
    const failures = rows('SELECT stage, field, error, seq FROM failures');
    for (const { stage, error, seq } of failures)
      assert.match(
        String(error),
        stage === 'parse' ? PARSE_REASON : FIELD_REASON,
        `seq ${seq}, stage ${stage}`,
      );
    const folded = Object.keys(TABLES).map((table) => {
      const [{ n } = { n: 0 }] = rows(`SELECT sum(event_count) AS n FROM ${table}`);
      const unusable = failures.filter(({ stage, field }) => stage === table && field === '');
      return [table, Number(n) + unusable.length];
    });
    assert.deepEqual(Object.fromEntries(folded), expected, 'each event is either in its row or a failure');
    assert.deepEqual(compareTables(path).differences, [], 'live tables equal rebuilt ones');
    const counts = Object.entries(expected).map(([table, count]) => `${table} ${count}`);
    report(recorded, `${counts.join(', ')} events; ${failures.length} failures, each names its field`);
  },
);
