/** `./irisx rebuild` and its `--check`. */

import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { query } from '../support/receiver.ts';
import { runScript } from './run-script.ts';
import { type SampleDatabase, sampleDatabase } from './sample-database.ts';

const EVENTS = 400;

let database: SampleDatabase;
beforeEach(() => {
  database = sampleDatabase();
  database.append(EVENTS);
});
afterEach(() => database.remove());

const rebuild = (...args: string[]) => runScript('rebuild', args, { env: database.env });
const status = () => query(database.path, 'SELECT status FROM calls WHERE rowid = 1')[0]?.['status'];

describe('./irisx rebuild', () => {
  it('--check finds a row changed by hand, and a rebuild fixes it', async () => {
    const good = await rebuild('--check');
    assert.deepEqual([good.code, good.stderr], [0, '']);
    assert.match(
      good.stdout,
      /^calls: \d+ rows, no difference\nsms_messages: .*\nrecordings: .*\ncontacts: .*\nfailures: 0 rows, no difference\n$/,
    );

    const before = status();
    database.tamper("UPDATE calls SET status = 'wrong' WHERE rowid = 1");
    const bad = await rebuild('--check');
    assert.equal(bad.code, 1);
    assert.match(
      bad.stdout,
      /^calls: \d+ rows, 1 difference\n {2}calls [0-9a-f-]{36}: differs in status\nsms_messages: \d+ rows, no/,
    );
    assert.equal(status(), 'wrong');
    assert.equal((await rebuild('contacts', '--check')).code, 0);

    const others = await rebuild('contacts');
    assert.match(
      others.stdout,
      /^contacts: \d+ rows?\nfailures: 0 rows\nrebuilt from 400 events in [\d.]+ m?s, [\d,]+\/s\n$/,
    );
    assert.equal(status(), 'wrong');

    const mended = await rebuild();
    assert.equal(mended.code, 0, mended.stderr);
    const [calls] = query(database.path, 'SELECT count(*) AS count FROM calls');
    assert.ok(mended.stdout.startsWith(`calls: ${calls?.['count']} rows\n`), mended.stdout);
    assert.match(mended.stdout, /^calls: \d+ rows\nsms_messages: \d+ rows\n/);
    assert.equal(status(), before);
    assert.equal((await rebuild('--check')).code, 0);
  });

  it('leaves only the empty file of its lock behind', async () => {
    await rebuild();
    await rebuild('--check');
    const others = readdirSync(dirname(database.path)).filter(
      (name) => !/^irisx\.db(-wal|-shm)?$/.test(name),
    );
    assert.deepEqual(others, ['irisx.db-rebuild']);
    assert.equal(statSync(`${database.path}-rebuild`).size, 0);
  });
});
