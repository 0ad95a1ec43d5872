/** Several secrets at a running server: which of them are accepted, and what the server logs about their use. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { secretUse, secretUseText } from '../src/core/inspect/secret-use.ts';
import { SECRET_USE_EVENTS_MAX } from '../src/core/limits.ts';
import { engineOf } from '../src/engines/engine-of.ts';
import { derivations } from '../src/projections/index.ts';
import { type SampleDatabase, sampleDatabase } from './scripts/sample-database.ts';
import { type ProgramFolder, programFolder } from './support/program.ts';
import { deliver, SECRET, temporaryFolder } from './support/receiver.ts';

const body = (n: number) => ({ event: 'call.dtmf', data: { n } });

describe('the server', () => {
  let folder: ProgramFolder;
  beforeEach(() => {
    folder = programFolder();
  });
  afterEach(() => folder.remove());

  it('accepts every secret that is in use, and none that is retired', async () => {
    const program = folder.start({
      WEBHOOK_SECRET: 'new,old',
      WEBHOOK_SECRETS_RETIRED: `${SECRET},older`,
      RATE_LIMIT_MAX: '0',
    });
    const receiver = await program.listening();
    for (const [secret, status] of [
      ['new', 200],
      ['old', 200],
      ['older', 401],
      [SECRET, 401],
    ] as const)
      assert.equal((await deliver(receiver, body(1), { secret })).status, status, secret);
    assert.equal(program.rows('SELECT seq FROM events').length, 1);
  });

  it('logs after the start how many secrets there are and when each was last used', async () => {
    const first = folder.start({ WEBHOOK_SECRET: `new,${SECRET},hunter2` });
    const receiver = await first.listening();
    await first.printed('3 secrets; the log is empty');
    assert.match(first.output(), /^ {2}secret +WEBHOOK_SECRET \(3 secrets\)$/m);
    await deliver(receiver, body(1));
    await deliver(receiver, body(2), { secret: 'new' });
    await deliver(receiver, body(3));
    await first.stop();

    const second = folder.start({ WEBHOOK_SECRET: `new,${SECRET},hunter2`, LOG_FORMAT: 'json' });
    await second.printed('"3 secrets:');
    const [line = ''] = second
      .output()
      .split('\n')
      .filter((text) => text.includes('3 secrets'));
    const { level, message } = JSON.parse(line) as { level: string; message: string };
    assert.equal(level, 'info');
    assert.match(
      message,
      /^3 secrets: secret 1 last signed seq 2 \(\d{4}-\d\d-\d\d \d\d:\d\d UTC\); secret 2 last signed seq 3 \(.*\); secret 3 signed none of the last 3 events: if it is the old one, it can be removed$/,
    );
    assert.doesNotMatch(first.output() + second.output(), new RegExp(`hunter2|${SECRET}`));
  });

  it('logs nothing of the kind if there is one secret', async () => {
    const program = folder.start();
    await program.listening();
    await program.stop();
    assert.match(program.output(), /^ {2}secret +WEBHOOK_SECRET$/m);
    assert.doesNotMatch(program.output(), /secrets/);
  });
});

describe('the last use of each secret', () => {
  let database: SampleDatabase;
  beforeEach(() => {
    database = sampleDatabase();
  });
  afterEach(() => database.remove());
  async function use(secrets: string[], path = database.path) {
    const reader = await engineOf(path, derivations).openReader();
    try {
      return await secretUse(reader, secrets);
    } finally {
      await reader.close();
    }
  }

  it('is searched for back to the limit', async () => {
    database.append(1, 'older');
    database.append(120, 'old');
    database.append(SECRET_USE_EVENTS_MAX - 60, 'new');
    database.append(3, null);
    const found = await use(['new', 'old', 'older']);
    assert.deepEqual(
      found.lastUses.map((last) => last?.seq),
      [SECRET_USE_EVENTS_MAX + 61, 121, undefined],
    );
    assert.equal(found.eventsRead, SECRET_USE_EVENTS_MAX);
    assert.match(secretUseText(found), /secret 3 signed none of the last 10,000 events: if/);
  });

  it('is searched for no further than needed', async () => {
    database.append(200, 'old');
    database.append(10, 'new');
    assert.equal((await use(['new', 'old'])).eventsRead, 11);
  });

  it('does not suggest removing the first secret, which is the newest', async () => {
    database.append(2, 'old');
    const found = await use(['new', 'old']);
    assert.match(
      secretUseText(found),
      /^2 secrets: secret 1 signed none of the last 2 events; secret 2 last signed seq 2 \(2026-01-05 09:00 UTC\)$/,
    );
  });

  it('is an error if the log cannot be read', async () => {
    const folder = temporaryFolder();
    await assert.rejects(use(['a', 'b'], join(folder.path, 'none.db')), /none\.db/);
    folder.remove();
  });
});
