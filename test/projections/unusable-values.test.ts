/**
 * The rule for values, tried on random histories: an unusable one, null and an empty text, except in a message, have the
 * same effect on every row as no value at all.
 */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Delivery } from '../../src/core/event/delivery.ts';
import { type Failure, WHOLE_EVENT } from '../../src/core/event/recorded-event.ts';
import { fold } from '../../src/core/tables/fold.ts';
import { prepare } from '../../src/core/tables/prepare.ts';
import { derivations } from '../../src/projections/index.ts';
import { bytesOf } from '../support/events.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { anyBodies, type BodyOf, plausibleBodies, randomHistory } from '../support/random-histories.ts';

const HISTORIES = 500;
const FIRST_SEED = 20_261_126;
const { projections } = derivations;

type Json = Record<string, unknown>;

function folded(deliveries: readonly Delivery[]) {
  const before = new Map(projections.map(({ name }) => [name, { rows: new Map(), unreadable: new Map() }]));
  const events = deliveries.map((each, index) => ({
    seq: index + 1,
    prepared: prepare(each, projections).event,
  }));
  const { tables, failures } = fold(events, before);
  const rows = [...tables].map(([name, { changed }]) => {
    const ofTable = [...changed].map(([key, { row }]) => [key, row] as const);
    return [name, new Map(ofTable)] as const;
  });
  return { rows: new Map(rows), failures };
}

/** A time may be too early for one table only, so it must stay. */
const isRemovable = ({ field, error }: Failure) =>
  field !== WHOLE_EVENT && !error.endsWith('before the signature');

/** @param body loses the value that a failure names */
function remove(body: Json, { error }: Failure): void {
  const name = error.split(/[ []/, 1)[0] ?? '';
  const data = (body['data'] ?? body) as Json;
  const isStated = (body[name] ?? '') !== '';
  delete (name === 'timestamp' && isStated ? body : data)[name];
}

/** The delivery without what has no effect. */
function withoutEffect(original: Delivery): Delivery {
  for (let body = withoutEmpty(jsonOf(original)); ; ) {
    const cleaned = { ...original, body: bytesOf(body) };
    const failure = folded([cleaned]).failures.find(isRemovable);
    if (failure === undefined) return cleaned;
    remove(body, failure);
  }
}

const MAY_BE_EMPTY = ['message', 'body', 'event', 'data'];

function withoutEmpty(body: Json): Json {
  const members = Object.entries(body)
    .filter(([name, value]) => value !== null && (value !== '' || MAY_BE_EMPTY.includes(name)))
    .map(([name, value]) => [name, name === 'data' && isObject(value) ? withoutEmpty(value) : value]);
  return Object.fromEntries(members) as Json;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const jsonOf = ({ body }: Delivery) => JSON.parse(Buffer.from(body).toString()) as Json;

/** The JSON of some bodies cannot be read. */
const isReadable = (delivery: Delivery) => {
  try {
    return isObject(jsonOf(delivery));
  } catch {
    return false;
  }
};

function check(bodies: (random: Random) => BodyOf): void {
  let removed = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + HISTORIES; seed++) {
    const random = seededRandom(seed);
    const deliveries = randomHistory(random, bodies(random)).filter(isReadable);
    const { rows, failures } = folded(deliveries);
    assert.deepEqual(folded(deliveries.map(withoutEffect)).rows, rows, `seed ${seed}`);
    removed += failures.filter(isRemovable).length;
  }
  assert.ok(removed > HISTORIES, `there were only ${removed} unusable values`);
}

it(`an unusable or empty value has the effect of no value, in ${HISTORIES} histories`, () =>
  check(plausibleBodies));
it('so it has if any value may be anything', () => check(anyBodies));
