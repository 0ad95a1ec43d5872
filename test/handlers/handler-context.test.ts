/** context.isOptedOut(), in a real run and with every argument that a handler may pass. */

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { RunContext } from '../../src/core/runs/run-context.ts';
import { createReader } from '../../src/engines/sqlite/reader.ts';
import type { Handler } from '../../src/handlers/handler.ts';
import { type HandlerContext, handlerContext } from '../../src/handlers/handler-context.ts';
import { handlersConsumer } from '../../src/handlers/handlers-consumer.ts';
import { derivations } from '../../src/projections/index.ts';
import { appenderOf, openInMemory } from '../support/database.ts';
import { delivery, eventOf } from '../support/events.ts';

const STOP = {
  event: 'sms.received',
  data: { message_id: 'm1', tenant_id: 7, from_number: '+1 (555) 123-0001', message: 'stop.' },
};

let database: ReturnType<typeof openInMemory>;
beforeEach(() => {
  database = openInMemory();
  appenderOf(database, derivations).append([delivery(STOP)]);
});
afterEach(() => database.close());

function runContext(): RunContext {
  const { query } = createReader(database, derivations.projections);
  return {
    event: 'sms.received',
    seq: 1,
    idempotencyKey: 'ab'.repeat(32),
    attempt: 1,
    path: '/webhooks',
    signedAt: new Date(0),
    receivedAt: new Date(0),
    body: JSON.stringify(STOP),
    signal: new AbortController().signal,
    log() {},
    query: (sql, ...values) => query(sql, ...(values as string[])),
  };
}

describe('isOptedOut()', () => {
  it('is in the context of each handler, next to all that every run has', async () => {
    const seen: unknown[] = [];
    const handler: Handler<'sms.received'> = async (data, { isOptedOut, seq }) => {
      seen.push(seq, await isOptedOut(data.from_number ?? '', data.tenant_id));
    };
    const consumer = handlersConsumer(new Map([['sms.received', handler as Handler]]), 1000, 1);
    const event = eventOf(STOP);
    await consumer.run({ type: event.type, json: STOP, event, signedAt: new Date(0) }, runContext());
    assert.deepEqual(seen, [1, true]);
  });

  it('takes the number in any spelling, and a tenant or none', async () => {
    const { isOptedOut } = handlerContext(runContext());
    for (const number of [
      '+15551230001',
      '15551230001',
      15551230001,
      '001 555 123 0001',
      '\u202a+15551230001\u202c',
    ]) {
      assert.equal(await isOptedOut(number), true, String(number));
      for (const [tenant, expected] of [
        [undefined, true],
        [null, true],
        ['', true],
        ['7', true],
        [7, true],
        ['8', false],
        [8, false],
      ] as const)
        assert.equal(await isOptedOut(number, tenant), expected, `${number} ${tenant}`);
    }
    assert.equal(await isOptedOut('+15551230002'), false);
    assert.equal(await isOptedOut('ACME', '7'), false);
  });

  it('rejects a missing number and what is none, and never says false for it', async () => {
    const { isOptedOut } = handlerContext(runContext());
    const unsafe = isOptedOut as (...values: unknown[]) => ReturnType<HandlerContext['isOptedOut']>;
    for (const number of [
      undefined,
      null,
      '',
      ' ',
      '-',
      '\u200b',
      '+',
      {},
      ['+15551230001'],
      true,
      Number.NaN,
      -1,
      1.5,
      2 ** 53,
      15551230001n,
    ])
      for (const tenant of [undefined, '7'])
        await assert.rejects(unsafe(number, tenant), (error) => {
          assert.ok(error instanceof TypeError, String(error));
          assert.match(error.message, /^isOptedOut\(number, tenant\): number (is missing|must be|has no) ?/);
          return true;
        });
    for (const tenant of [{}, ['7'], true, 1.5])
      await assert.rejects(
        unsafe('+15551230001', tenant),
        /^TypeError: isOptedOut\(number, tenant\): tenant must be /,
      );
  });
});
